"""Runs as CSV (RFC 4180), for spreadsheets: piece by piece, however many there are.

A spreadsheet runs what looks like a formula, and users and applications choose some of these texts: a cell that looks
like one begins with an apostrophe, which makes it a text.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime

from connector.services.lookup.verifications import Run

COLUMNS = (
    *("id", "runId", "userId", "status", "decision", "applicantId", "tags", "capture", "dashboardUrl"),
    *("createdAt", "updatedAt", "completedAt", "closedAt", "failure"),
)
PIECE = 64 * 1024  # characters, at least


def csv_pieces(found: Iterable[Run]) -> Generator[str]:
    """Give a heading and a line for each run, in pieces of whole lines; the first piece comes with the first runs."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    writer.writerow(COLUMNS)
    for run in found:
        writer.writerow(map(harmless, _cells(run)))
        if sheet.tell() >= PIECE:
            yield sheet.getvalue()
            sheet.seek(0)
            sheet.truncate()
    yield sheet.getvalue()


def harmless(text: str) -> str:
    """Make a cell that no spreadsheet runs. Full-width and small signs count as the plain ones, as they do there."""
    begins = unicodedata.normalize("NFKC", text).lstrip()[:1]
    is_formula = begins in tuple("=+-@") or text[:1] in tuple("\t\r\n")
    return f"'{text}" if is_formula else text


def _cells(run: Run) -> Iterator[str]:
    found = run.verification
    yield found.verification_id
    yield found.run_id or ""
    yield found.user_id
    yield found.status
    yield found.decision or ""
    yield found.applicant_id or ""
    yield " ".join(run.tags)
    yield found.capture
    yield found.dashboard_url or ""
    for moment in (found.created_at, found.updated_at, found.completed_at, found.closed_at):
        yield _time(moment)
    yield found.failure or ""


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
