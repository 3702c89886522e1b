"""Writing files: completely or not at all, and replacing an existing one only with `--force`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from connector.cli.progress import INTERRUPTED
from connector.private_file import draft_beside

STDOUT = "-"

force_option = click.option("--force", is_flag=True, help="Replace the file if it exists.")


@contextmanager
def reporting_interruption(output: str) -> Iterator[None]:
    """Report the state of the output after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        left = "the output is incomplete" if output == STDOUT else f"{output} was not written"
        click.echo(f"Interrupted: {left}.", err=True)
        click.get_current_context().exit(INTERRUPTED)


def check_target(output: str, *, is_forced: bool) -> None:
    """Refuse to replace an existing file, before any request is made."""
    if Path(output).is_file() and not is_forced:
        raise _exists(output)


def _exists(output: str) -> click.ClickException:
    return click.ClickException(f"{output} exists: name another file, or use --force to replace it.")


def write(output: str, chunks: Iterable[bytes], *, is_forced: bool) -> None:
    """Write a file atomically: it appears once it is complete, readable by its owner only."""
    path = Path(output)
    try:
        if output == STDOUT or (path.exists() and not path.is_file()):  # also for a pipe or a device
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
            os.link(draft, path)  # unlike a rename, this never replaces a file that was created meanwhile
