"""The audit trail as CSV: the members of each entry, those with an inner structure as JSON."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator

from connector.api.csv_lines import sheet_pieces
from connector.api.shapes.audit import AuditEntrySchema, entry_body
from connector.domain.audit.history import Entry

_SCHEMA = AuditEntrySchema()
COLUMNS = tuple(field.data_key or name for name, field in _SCHEMA.fields.items())


def audit_pieces(entries: Iterable[Entry]) -> Generator[str]:
    """Yield a heading and a line for each entry, in pieces of whole lines."""
    yield from sheet_pieces(COLUMNS, map(_cells, entries))


def _cells(entry: Entry) -> Iterator[str]:
    view = _SCHEMA.dump(entry_body(entry))
    for name in COLUMNS:
        value = view[name]
        yield json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value or ""
