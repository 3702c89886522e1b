"""One entry for each user of a file, with objections.

Objections name the place, what was found there (never a value, only its format) and the requirement.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from connector.cli.user_import.decoding import UnreadableFileError
from connector.cli.user_import.sheet import Row, read_rows
from connector.domain.frozen import frozen
from connector.domain.people.user_ids import MAX_LENGTH, id_objection, name_objection
from connector.domain.text import is_usable

ID = "id"
_JSON_TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


@frozen
class Entry:
    """A user in a file: the place, the id, the values by claim, and objections."""

    where: str
    user_id: str
    values: Mapping[str, str] = field(repr=False)
    objections: Sequence[str] = ()


@frozen
class UserFile:
    """A file's users, read again for each iteration, so that a large file is never in memory as a whole."""

    text: str = field(repr=False)
    is_json: bool

    def entries(self) -> Iterator[Entry]:
        """Return the users in the file's order; raises `UnreadableFileError` if the file has another structure."""
        first_places: dict[str, str] = {}
        for entry in _json_entries(self.text) if self.is_json else _csv_entries(self.text):
            first = first_places.setdefault(entry.user_id, entry.where)
            if entry.user_id and first is not entry.where:
                again = f"the user {entry.user_id} is in it more than once, first in {first}; must be there once"
                yield replace(entry, objections=(*entry.objections, f"{entry.where}, the id: {again}"))
            else:
                yield entry


def value_objection(value: str) -> str | None:
    """Return why a value cannot be stored; None if it can."""
    return None if is_usable(value) else "must be Unicode text without control characters"


def _csv_entries(text: str) -> Iterator[Entry]:
    rows = read_rows(text, ID)
    heading = next(rows, None)
    columns = _columns(heading)
    for row in rows:
        where = f"line {row.line}"
        values, objections = _cells(columns, row, where)
        user_id = values.pop(ID, "")
        yield Entry(where, user_id, values, (*objections, *_objections(where, "column", user_id, values)))


def _columns(heading: Row | None) -> list[str]:
    """Return the names of the columns, with `ID` for the ids; unnamed columns at the end are dropped."""
    names = heading.cells.copy() if heading else []
    while names and not names[-1]:
        names.pop()
    if ID not in names:
        names = [ID if name.casefold() == ID else name for name in names]
    if ID not in names:
        present = f"{len(names)} columns, none of them named so" if names else "nothing"
        raise UnreadableFileError(f"the first line has {present}; must have a column {ID}, and one for each claim.")
    if twice := [name for name, number in Counter(names).items() if name and number > 1]:
        raise UnreadableFileError(f"the column {twice[0]} is there twice; must be there once.")
    for name in filter(None, names):
        if objection := name_objection(name):
            raise UnreadableFileError(f"the name of the column {_shown(name)} {objection}.")
    return names


def _cells(columns: Sequence[str], row: Row, where: str) -> tuple[dict[str, str], list[str]]:
    """Return a row's cells by column, and the objections to their number."""
    number, spare = len(columns), [at for at, cell in enumerate(row.cells) if cell and not _name(columns, at)]
    objections = []
    if len(row.cells) < number:
        objections.append(
            f"{where}: has {len(row.cells)} cells; must have {number}, one for each column: leave a cell without a "
            'value empty, and put a value that contains a line break between "'
        )
    if spare:
        objections.append(
            f"{where}, column {spare[0] + 1}: has a value, but the heading has no name there; must be empty: put a "
            'value that contains the separator between "'
        )
    return {name: cell for name, cell in zip(columns, row.cells, strict=False) if name}, objections


def _name(columns: Sequence[str], at: int) -> str:
    return columns[at] if at < len(columns) else ""


def _json_entries(text: str) -> Iterator[Entry]:
    for at, item in enumerate(_json_items(text), start=1):
        where = f"entry {at}"
        values = {name: value for name, value in item.items() if isinstance(value, str)}
        others = [
            f"{where}, member {_shown(name)}: is {_JSON_TYPES[type(value)]}; must be text, between quotes"
            for name, value in item.items()
            if name not in values
        ]
        has_id = ID in values or ID not in item
        user_id = values.pop(ID, "")
        objections = _objections(where, "member", user_id, values) if has_id else ()
        yield Entry(where, user_id, values, (*others, *objections))


def _json_items(text: str) -> list[dict[str, Any]]:
    try:
        items = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise UnreadableFileError(f"line {error.lineno}, column {error.colno}: it is not JSON ({error.msg}).") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or deeply nested lists
        raise UnreadableFileError("it must be a list of objects with text in them.") from None
    if not (isinstance(items, list) and all(isinstance(item, dict) for item in items)):
        raise UnreadableFileError("it must be a list of objects, one for each user.")
    return items


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if twice := [name for name, number in Counter(name for name, _ in pairs).items() if number > 1]:
        raise UnreadableFileError(f"an object has the member {_shown(twice[0])} twice; must have it once.")
    return dict(pairs)


def _objections(where: str, kind: str, user_id: str, values: Mapping[str, str]) -> Iterator[str]:
    if objection := id_objection(user_id):
        yield f"{where}, {kind} {ID}: {objection}"
    for name, value in values.items():
        if objection := name_objection(name):
            yield f"{where}, {kind} {_shown(name)}: its name {objection}"
        if objection := value_objection(value):
            yield f"{where}, {kind} {_shown(name)}: {objection}"


def _shown(name: str) -> str:
    """Return the name of a claim in printable form."""
    return name if name.isprintable() and len(name) <= MAX_LENGTH else repr(name[:40])
