"""Tables in forms: rows of fields, which buttons add and remove without scripts.

The cells of a column share a name; `do` is the button that was pressed: `add`, `remove-<row>`, or another.
"""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

Row = dict[str, str]

MOST_ROWS = 200


def read_rows(form: MultiDict[str, str], names: Sequence[str]) -> list[Row]:
    """Return the rows of a table, as they were posted."""
    columns = [form.getlist(name)[:MOST_ROWS] for name in names]
    return [dict(zip(names, (cell.strip() for cell in cells), strict=True)) for cells in zip(*columns, strict=False)]


def change_rows(rows: list[Row], do: str, names: Sequence[str]) -> list[Row]:
    """Return rows after a button was pressed."""
    action, _, position = do.partition("-")
    if action == "add" and len(rows) < MOST_ROWS:
        return [*rows, dict.fromkeys(names, "")]
    if action == "remove":
        return [row for at, row in enumerate(rows) if str(at) != position]
    return rows
