"""Deliveries that are queued only under a condition, which the database checks in the same statement.

a transaction ──► INSERT INTO outbox … SELECT … WHERE condition UNION ALL SELECT … WHERE another condition

It inserts no row where a condition does not hold, and takes no further round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cache, partial
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, Connection, Select, bindparam, cast, literal, null, select, union_all

from connector import tracing
from connector.domain.frozen import frozen
from connector.store import batch, wake_up
from connector.store.deliveries.outbox import READY
from connector.store.dialect import Extended, Insert, from_now, insert, new_id
from connector.store.models import outbox
from connector.store.wake_up import NOTIFY

MOST_JOINED = 8  # deliveries of one statement; each combination of conditions is a separate statement
_OPTIONAL = ("provider_id", "verification_id", "endpoint_id", "dedupe_key")
# Each is sent once, however many deliveries a statement has.
_CONSTANTS: Mapping[str, ColumnElement[Any]] = {
    "state": literal(READY),
    "attempts": literal(0),
    "history": literal([], outbox.c.history.type),
    "due_at": (_now := from_now(0)),
    "created_at": _now,
}

Parameter = Callable[[str, Column[Any]], ColumnElement[Any]]  # makes the parameter of a name, of a column's type


@frozen
class Source:
    """The conditions under which a delivery is queued, and the columns that it gets then."""

    conditions: Sequence[ColumnElement[bool]]
    columns: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)


Describe = Callable[[Parameter], Source]
Statements = tuple[Callable[[Connection], Extended], Callable[[Connection], Extended]]


@frozen
class Candidate:
    """A delivery that is queued if the conditions of its source hold; `parameters` are those of the source.

    The source has the parameter `tenant` in any case.
    """

    describe: Describe
    tenant: str
    kind: str
    payload: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@frozen
class ConditionalPayload:
    """The base of payloads that are queued only under a condition."""

    kind: ClassVar[str]

    def candidate(self) -> Candidate:
        """Return the payload with its condition."""
        raise NotImplementedError


def candidate_of(payload: ConditionalPayload, describe: Describe, tenant: str, **parameters: object) -> Candidate:
    """Return the candidate with all fields of a payload."""
    return Candidate(describe, tenant, payload.kind, vars(payload), parameters)


def add_all(connection: Connection, candidates: Sequence[Candidate]) -> None:
    """Queue those deliveries whose conditions hold, except those whose dedupe key exists."""
    for start in range(0, len(candidates), MOST_JOINED):
        some = candidates[start : start + MOST_JOINED]
        notifies = wake_up.must_notify(connection)
        statement = _statements(tuple(each.describe for each in some))[notifies](connection)
        parameters = {
            f"of_{name}_{at}": value for at, each in enumerate(some) for name, value in _parameters(each).items()
        }
        wake_up.announce_if_inserted(connection, batch.execute(connection, statement, parameters), notifies=notifies)


def _parameters(candidate: Candidate) -> Mapping[str, Any]:
    return {
        "tenant": candidate.tenant,
        "kind": candidate.kind,
        "payload": candidate.payload,
        "traceparent": tracing.traceparent(),
        **candidate.parameters,
    }


@cache
def _statements(sources: Sequence[Describe]) -> Statements:
    """Return the insertion of deliveries from these sources, without and with a notification of other processes."""
    extend = partial(_selected, sources)
    return insert(outbox, extend), insert(outbox, extend, on_postgresql=[NOTIFY])


def _selected(sources: Sequence[Describe], statement: Insert) -> Insert:
    selects = [_select(describe, at) for at, describe in enumerate(sources)]
    names = list(selects[0].selected_columns.keys())
    rows: Any = selects[0] if len(selects) == 1 else union_all(*selects)
    inserted: Any = statement.from_select(names, rows, include_defaults=False)
    unique: Insert = inserted.on_conflict_do_nothing(index_elements=[outbox.c.dedupe_key])
    return unique


def _select(describe: Describe, at: int) -> Select[Any]:
    def parameter(name: str, column: Column[Any]) -> ColumnElement[Any]:
        return bindparam(f"of_{name}_{at}", type_=column.type)

    source = describe(parameter)
    values = {
        "id": new_id(),
        **{name: parameter(name, outbox.c[name]) for name in ("tenant", "kind", "payload", "traceparent")},
        **_CONSTANTS,
        **{name: source.columns.get(name, cast(null(), outbox.c[name].type)) for name in _OPTIONAL},
    }
    return select(*(value.label(name) for name, value in values.items())).where(*source.conditions)
