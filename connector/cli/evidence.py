"""`connector verification timeline|evidence`: the files that Onfido keeps of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.files import check_target, force_option, write
from connector.cli.output import (
    ID,
    actor,
    load_settings,
    print_json,
    print_table,
    services,
    tenant_options,
    view_options,
)
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError

if TYPE_CHECKING:  # the use cases are imported when a command opens them: `serve` has to set up its metrics first
    from connector.services.lookup.evidence import EvidenceFile

PATIENCE, PAUSE = 60.0, 0.5  # seconds; Onfido creates a timeline file within a moment
_output = click.option("--output", "-o", required=True, help="The file to write; - for standard output.")


@click.command()
@click.argument("run_id", type=ID)
@_output
@force_option
@tenant_options
def timeline(context: click.Context, run_id: str, output: str, force: bool, tenant: Tenant) -> None:
    """Ask Onfido to create the timeline file (PDF) of a run that has ended, and download it."""
    check_target(output, is_forced=force)
    with services(context) as opened, ExitStack() as stack:
        file_id = opened.evidence.create_timeline(tenant, run_id)
        file = _once_there(stack, lambda: opened.evidence.open_timeline(tenant, run_id, file_id, actor=actor()))
        write(output, file.chunks, is_forced=force)


@click.command()
@click.argument("run_id", type=ID)
@_output
@force_option
@click.option("--folder", "is_folder", is_flag=True, help="All evidence (zip) instead of the signed summary (PDF).")
@tenant_options
def evidence(context: click.Context, run_id: str, output: str, force: bool, is_folder: bool, tenant: Tenant) -> None:
    """Download the evidence of a run that has ended."""
    check_target(output, is_forced=force)
    with services(context) as opened:
        open_file = opened.evidence.open_evidence_folder if is_folder else opened.evidence.open_evidence
        with open_file(tenant, run_id, actor=actor()) as file:
            write(output, file.chunks, is_forced=force)


@click.command()
@click.argument("run_id", type=ID)
@click.option(
    "--folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder for the files."
)
@force_option
@tenant_options
def pictures(context: click.Context, run_id: str, folder: Path, force: bool, tenant: Tenant) -> None:
    """Download the pictures of documents and of the person that were sent in a run."""
    with services(context) as opened:
        for each in opened.evidence.pictures.list(tenant, run_id):
            with opened.evidence.pictures.open(tenant, run_id, each.picture_id, actor=actor()) as file:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                target = str(folder / f"{each.picture_id[:8]}-{file.name}")
                check_target(target, is_forced=force)
                write(target, file.chunks, is_forced=force)
                click.echo(target)


@click.command("delivery-proof")
@click.argument("run_id", type=ID)
@view_options
def delivery_proof(context: click.Context, run_id: str, tenant: Tenant, as_json: bool) -> None:
    """Prove which notices were sent, when, to which application, and how it answered; the last line is signed."""
    issuer = load_settings(context).public_url + tenant.path
    with services(context) as opened:
        proof = opened.delivery_proofs.prove(tenant, run_id, None, issuer, actor())
    if as_json:
        print_json({"statement": dict(proof.statement), "signed": proof.signed})
        return
    rows = [
        {"queued": each["queuedAt"], "to": each["url"], "what": each["kind"], "state": each["state"]}
        | {"answers": ", ".join(str(attempt.get("status") or "none") for attempt in each["attempts"])}
        for each in proof.statement["notices"]
    ]
    print_table(rows, ("queued", "to", "what", "state", "answers"), empty="No application was notified of it.")
    click.echo(f"\n{proof.signed}")


def _once_there(stack: ExitStack, open_file: Callable[[], AbstractContextManager[EvidenceFile]]) -> EvidenceFile:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return stack.enter_context(open_file())
        except RequestError as error:
            if error.code is not Code.FILE_UNAVAILABLE or time.monotonic() > end:
                raise
        time.sleep(PAUSE)
