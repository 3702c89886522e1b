"""Rows as CSV (RFC 4180), for spreadsheets: streamed, without a limit of their number.

The first piece begins with a byte order mark, without which Excel does not recognize UTF-8.

A spreadsheet executes text that looks like a formula, and users and applications choose some of these texts. An
apostrophe prevents this: at the beginning of a cell, and after each character other than a comma at which a
spreadsheet may be configured to split lines.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from connector.api.shapes.verification import VerificationSchema
from connector.domain.text import encodable

if TYPE_CHECKING:
    from connector.services.lookup.verifications import ListedVerification

_SCHEMA = VerificationSchema()
_FIELDS = tuple(_SCHEMA.fields)
COLUMNS = (*_FIELDS, "claims", "comparisons", "reasons")
PIECE = 64 * 1024  # characters, at least
BYTE_ORDER_MARK = "\ufeff"
# Includes characters that NFKC maps to them, because spreadsheets treat full-width and small forms like the plain ones.
_SIGNS = "=+@\u207a\u207c\u208a\u208c\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20-"
_IGNORED = r"\s\"\x00-\x1f\ufeff\u200b-\u200f\u2060"  # characters before one of them that spreadsheets ignore
_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"  # where a program may begin another cell or line
_FORMULA = re.compile(rf"(^|[;|{_BREAKS}])(?=[{_IGNORED}]*[{_SIGNS}])")


def csv_pieces(verifications: Iterable[ListedVerification]) -> Generator[str]:
    """Yield a heading and a line for each verification, in pieces of whole lines."""
    yield from sheet_pieces(COLUMNS, map(_cells, verifications))


def sheet_pieces(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Generator[str]:
    """Yield a heading and a line for each row, in pieces of whole lines."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    sheet.write(BYTE_ORDER_MARK)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(map(harmless, row))
        if sheet.tell() >= PIECE:
            yield sheet.getvalue()
            sheet.seek(0)
            sheet.truncate()
    yield sheet.getvalue()


def csv_text(verifications: Iterable[ListedVerification], *, has_heading: bool = False) -> str:
    """Return the lines, optionally preceded by the heading."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    if has_heading:
        sheet.write(BYTE_ORDER_MARK)
        writer.writerow(COLUMNS)
    for verification in verifications:
        writer.writerow(map(harmless, _cells(verification)))
    return sheet.getvalue()


def harmless(text: str) -> str:
    """Return the text of a cell with an apostrophe before every part that a spreadsheet could execute."""
    text = encodable(text)
    marked = _FORMULA.sub(r"\1'", text)
    return f"'{text}" if marked == text and text[:1] in tuple(_BREAKS) else marked


def _cells(verification: ListedVerification) -> Iterator[str]:
    view = _SCHEMA.dump(verification)
    yield from (_cell(view[name]) for name in _FIELDS)
    comparisons = verification.outcome.comparisons
    yield "; ".join(comparisons)
    yield "; ".join(f"{uri}: {comparison}" for uri, comparison in comparisons.items() if comparison)
    yield "; ".join(verification.outcome.reasons)


def _cell(value: object) -> str:
    """Return a value as text; booleans as JSON writes them."""
    if isinstance(value, bool):
        return json.dumps(value)
    return " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
