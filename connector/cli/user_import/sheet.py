"""CSV as spreadsheets and people write it: rows of cells, each with its first line.

The separator is the one in `sep=` in the first line, otherwise the one that splits the heading best. Spaces around
cells are ignored. Rows without content are skipped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain

from connector.cli.user_import.decoding import UnreadableFileError
from connector.domain.frozen import frozen

SEPARATORS = (",", ";", "\t", "|")
LONGEST_CELL = 131_072  # characters; a longer cell is a quote that is never closed
_NAMED_SEPARATOR = re.compile(r'"?sep=(\\t|[^\w"\s]|\t)"?[,;|\t ]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
_END = "\0end"  # no valid cell contains a NUL character


@frozen
class Row:
    """The cells of a row without surrounding spaces, and the row's first line."""

    line: int
    cells: list[str]


def read_rows(text: str, key: str) -> Iterator[Row]:
    """Return the rows that are not blank, the heading first; `key` is the name of a column in the heading.

    Raises `UnreadableFileError` if a quote is not closed.
    """
    named = _NAMED_SEPARATOR.match(text)
    content = text[named.end() :] if named else text
    separator = named[1].replace("\\t", "\t") if named else _separator(content, key)
    for row in _split(content, separator, skipped=1 if named else 0):
        cells = [cell.strip() for cell in row.cells]
        if any(cells):
            yield Row(row.line, cells)


def _separator(content: str, key: str) -> str:
    """Return the separator that splits the heading into most cells, preferring those that separate the key."""
    heading = next((line for line in io.StringIO(content, newline=None) if line.strip(' \t\r\n,;|"')), "")
    cells = {each: [cell.strip() for cell in next(csv.reader([heading], delimiter=each))] for each in SEPARATORS}
    return max(SEPARATORS, key=lambda each: (_has(cells[each], key), len(cells[each])))


def _has(cells: list[str], key: str) -> bool:
    return any(cell.casefold() == key for cell in cells)


def _split(content: str, separator: str, skipped: int) -> Iterator[Row]:
    """Split into cells; a row that contains the end mark began with a quote that was never closed."""
    lines = chain(io.StringIO(content, newline=""), ("\n", _END))
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    line = skipped + 1
    try:
        for cells in reader:
            if cells and cells[-1].endswith(_END):
                break
            yield Row(line, cells)
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFileError(
            f"line {line}: a cell has more than {csv.field_size_limit():,} characters; must be shorter, and must end "
            'with " if it begins with "'
        ) from error
    if cells != [_END]:
        raise UnreadableFileError(f'line {line}: a cell begins with " there and does not end; must end with ".')
