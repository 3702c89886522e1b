"""`connector verification export|timeline|evidence`: writing files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.cli.output import ID, actor, services, tenant_option
from connector.cli.progress import INTERRUPTED, counted, progress
from connector.domain.verification_filter import read_filter
from connector.errors import Code, RequestError
from connector.private_file import draft_beside

if TYPE_CHECKING:  # the use cases load when a command opens them: `serve` has to set up its metrics first
    from connector.services.lookup.evidence import EvidenceFile
    from connector.services.lookup.verifications import ListedVerification

STDOUT = "-"
PATIENCE, PAUSE = 60.0, 0.5  # seconds; Onfido makes a timeline file in a moment
_FILTERS = (
    click.option("--status", help="Of these statuses only, joined by commas."),
    click.option("--user", "userId", help="Of this user only."),
    click.option("--tag", help="With this tag only."),
    click.option("--from", "from", metavar="TIME", help="Started then or later: a date or date-time, UTC's."),
    click.option("--to", "to", metavar="TIME", help="Started before then; of a date, that day included."),
)
_output = click.option("--output", "-o", required=True, help="The file to write; - for standard output.")
_force = click.option("--force", is_flag=True, help="Replace the file if there is one.")


def run_filter(command: Any) -> Any:
    """Add the options that filter verifications, by the names that `read_filter` knows."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.command()
@run_filter
@click.option("--output", "-o", default=STDOUT, help="The file to write; standard output without it.")
@_force
@tenant_option
@click.pass_context
def export(context: click.Context, /, output: str, force: bool, tenant: str, **query: str | None) -> None:
    """Write verifications as CSV, the oldest first.

    A file is written completely or not at all, and replaces an existing one only with --force. The audit trail
    records the export.
    """
    _check_target(output, is_forced=force)
    from connector.api.verification_csv import csv_pieces  # noqa: PLC0415

    wanted = read_filter(query)
    is_shown = output == STDOUT and sys.stdout.isatty()  # a progress bar would be written into the output
    with services(context) as opened, _breaking_off(output), ExitStack() as stack:
        opened.readings.record_export(tenant, wanted, actor())
        found: Iterator[ListedVerification] = opened.lookup.export(tenant, wanted)
        if not is_shown:
            advance = stack.enter_context(progress(opened.lookup.count(tenant, wanted), "verifications"))
            found = counted(found, advance)
        _write(output, (piece.encode() for piece in csv_pieces(found)), is_forced=force)


@click.command()
@click.argument("run_id", type=ID)
@_output
@_force
@tenant_option
@click.pass_context
def timeline(context: click.Context, run_id: str, output: str, force: bool, tenant: str) -> None:
    """Ask Onfido to create the timeline file (PDF) of a run that has ended, and download it."""
    _check_target(output, is_forced=force)
    with services(context) as opened, ExitStack() as stack:
        file_id = opened.evidence.create_timeline(tenant, run_id)
        file = _once_there(stack, lambda: opened.evidence.open_timeline(tenant, run_id, file_id, actor=actor()))
        _write(output, file.chunks, is_forced=force)


@click.command()
@click.argument("run_id", type=ID)
@_output
@_force
@click.option("--folder", "is_folder", is_flag=True, help="All evidence (zip) in place of the signed summary (PDF).")
@tenant_option
@click.pass_context
def evidence(context: click.Context, run_id: str, output: str, force: bool, is_folder: bool, tenant: str) -> None:
    """Download the evidence of a run that has ended."""
    _check_target(output, is_forced=force)
    with services(context) as opened:
        open_file = opened.evidence.open_evidence_folder if is_folder else opened.evidence.open_evidence
        with open_file(tenant, run_id, actor=actor()) as file:
            _write(output, file.chunks, is_forced=force)


@contextmanager
def _breaking_off(output: str) -> Iterator[None]:
    """Report what Ctrl-C left behind."""
    try:
        yield
    except KeyboardInterrupt:
        left = "what was printed is not whole" if output == STDOUT else f"{output} was not written"
        click.echo(f"Interrupted: {left}.", err=True)
        click.get_current_context().exit(INTERRUPTED)


def _once_there(stack: ExitStack, open_file: Callable[[], AbstractContextManager[EvidenceFile]]) -> EvidenceFile:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return stack.enter_context(open_file())
        except RequestError as error:
            if error.code is not Code.FILE_UNAVAILABLE or time.monotonic() > end:
                raise
        time.sleep(PAUSE)


def _check_target(output: str, *, is_forced: bool) -> None:
    """Refuse to replace an existing file, before any request is made."""
    if Path(output).is_file() and not is_forced:
        raise _exists(output)


def _exists(output: str) -> click.ClickException:
    return click.ClickException(f"{output} exists: name another file, or say --force to replace it.")


def _write(output: str, chunks: Iterable[bytes], *, is_forced: bool) -> None:
    """Write a file atomically: it appears once it is complete, readable by its owner only."""
    path = Path(output)
    try:
        if output == STDOUT or (path.exists() and not path.is_file()):  # also a pipe or a device
            with click.open_file(output, "wb") as file:
                file.writelines(chunks)
        else:
            _create(path, chunks, is_forced=is_forced)
    except FileExistsError as error:
        raise _exists(output) from error
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error


def _create(path: Path, chunks: Iterable[bytes], *, is_forced: bool) -> None:
    with draft_beside(path) as draft:
        with draft.open("wb") as file:
            file.writelines(chunks)
        if is_forced:
            draft.replace(path)
        else:
            os.link(draft, path)  # unlike a rename, it never replaces a file that was created meanwhile
