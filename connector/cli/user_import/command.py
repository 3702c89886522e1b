"""The command: review the whole file, import it in batches, report the result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector import shipped
from connector.cli.output import actor, json_option, print_json, services, tenant_option
from connector.cli.progress import INTERRUPTED, progress, stoppable
from connector.cli.user_import.decoding import UnreadableFileError, decode
from connector.cli.user_import.entries import UserFile
from connector.cli.user_import.review import SHOWN, Expected, Review, review
from connector.domain.providers.verifiability import missing_claims
from connector.domain.tenancy import Tenant

if TYPE_CHECKING:  # the use cases load when a command opens them
    from connector.services.people.users import Batch

STDIN = "-"
Missing = Callable[[Collection[str]], tuple[str, ...]]


@dataclass
class Count:
    """The numbers of users added, changed, unchanged or refused, done or planned; and those who cannot be verified."""

    total: int
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    unverifiable: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """The number of imported users."""
        return self.added + self.changed + self.unchanged

    def add(self, batch: Batch, missing: Missing) -> int:
        """Add a batch to the summary and return its size."""
        size = len(batch.claims)
        self.added += len(batch.added)
        self.changed += len(batch.changed)
        self.unchanged += size - len(batch.added) - len(batch.changed)
        missing_claims = ((user_id, missing(present)) for user_id, present in batch.claims.items())
        self.unverifiable |= {user_id: claims for user_id, claims in missing_claims if claims}
        return size

    def numbers(self) -> dict[str, int]:
        """Return the numbers by their names."""
        return {name: getattr(self, name) for name in ("added", "changed", "unchanged", "refused")}

    def __str__(self) -> str:
        """Return the numbers as one sentence."""
        return f"{', '.join(f'{name} {number:,}' for name, number in self.numbers().items())}.".capitalize()


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Check everything and count the changes, without writing.")
@click.option("--skip-refused", is_flag=True, help="If some users are refused, import the others.")
@tenant_option
@json_option
@click.pass_context
def import_users(
    context: click.Context, file: str, dry_run: bool, skip_refused: bool, tenant: Tenant, as_json: bool
) -> None:
    """Add or change users from FILE; - means standard input.

    CSV in UTF-8: a column `id`, and one for each claim; separated by commas, semicolons or tabs. JSON (by its file
    name): a list of objects with `id` and a member for each claim, all text. An empty cell removes the value and its
    verification; a claim without a column is unchanged.

    The whole file is checked before the first user is written. The same file may be imported again: a user whose values
    are equal is not written.
    """
    name = "standard input" if file == STDIN else Path(file).name
    with services(context) as opened, _naming(name):
        providers = opened.providers.all(tenant)
        expected = Expected.of(providers, shipped.dialects())
        users = _read(file)
        reviewed = review(users.entries(), expected)
        _report(name, reviewed, expected, may_go_on=skip_refused, as_json=as_json)
        entries = ((each.user_id, each.values) for each in users.entries() if not each.objections)
        work = opened.users.rehearse(tenant, entries) if dry_run else opened.users.put_all(tenant, entries, actor())
        count = Count(total=reviewed.users - reviewed.refused, refused=reviewed.refused)
        is_whole = _import(work, count, partial(missing_claims, providers))
    _print(count, reviewed, dry_run=dry_run, as_json=as_json)
    if not is_whole:
        context.exit(INTERRUPTED)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except UnreadableFileError as error:
        raise click.ClickException(f"{name}: {error} Nothing was written.") from None


def _read(file: str) -> UserFile:
    with click.open_file(file, "rb") as opened:
        text = decode(opened.read())
    is_json = text.lstrip().startswith("[") if file == STDIN else Path(file).suffix.lower() == ".json"
    return UserFile(text, is_json)


def _report(name: str, reviewed: Review, expected: Expected, *, may_go_on: bool, as_json: bool) -> None:
    """Print the warnings and refusals; raises `ClickException` if nothing is to be written."""
    for warning in reviewed.warnings(expected):
        click.echo(f"Warning: {name}, {warning}.", err=True)
    for objection in reviewed.objections:
        click.echo(f"{name}, {objection}.", err=True)
    if reviewed.refused > (shown := len(reviewed.objections)):
        click.echo(f"… and {reviewed.refused - shown:,} more.", err=True)
    if reviewed.refused and not may_go_on:
        if as_json:
            print_json(Count(total=0, refused=reviewed.refused).numbers())
        raise click.ClickException(
            f"{reviewed.refused:,} of {reviewed.users:,} users are refused; nothing was written. Correct the file, or "
            "import the others with --skip-refused."
        )


def _import(work: Iterator[Batch], count: Count, missing: Missing) -> bool:
    """Execute the work, batch by batch; False if it was stopped before the end."""
    try:
        with stoppable() as stop, progress(count.total, "users") as advance:
            for batch in stop.until(work):
                advance(count.add(batch, missing))
    except BaseException:  # the outermost handler: whatever the error, the number of imported users is reported
        click.echo(f"Interrupted: {_in(count)}", err=True)
        raise
    is_whole = count.done == count.total
    if not is_whole:
        click.echo(f"Interrupted: {_in(count)}", err=True)
    return is_whole


def _in(count: Count) -> str:
    return f"{count.done:,} of {count.total:,} users are imported. Import the same file again to continue."


def _print(count: Count, reviewed: Review, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        unverifiable = {user_id: list(claims) for user_id, claims in count.unverifiable.items()}
        print_json(count.numbers() | {"dryRun": dry_run, "unverifiable": unverifiable})
        return
    click.echo(f"Nothing was written. The result would be: {str(count).lower()}" if dry_run else str(count))
    if count.unverifiable:
        click.echo(f"{len(count.unverifiable):,} of them cannot be verified by any provider; they have no value for:")
        for user_id, claims in list(count.unverifiable.items())[:SHOWN]:
            click.echo(f"  {user_id}: {', '.join(claims)}")
        if len(count.unverifiable) > SHOWN:
            click.echo(f"  … and {len(count.unverifiable) - SHOWN:,} more: see --json.")
