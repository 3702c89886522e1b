"""The rules for query plans that do not depend on the number of users.

PostgreSQL's plans have the expected numbers of read and sorted rows. SQLite's have none: there a statement must find
rows by a selective key, or by an index of due rows, or stop after one page in the order of an index.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg

from connector.store.models import metadata
from tests.plans.recording import Statement

# The tables that grow with the number of users.
_FEW = {"providers", "secrets", "signing_keys", "directory_checks", "notice_endpoints", "notice_subscriptions"} | {
    *(
        "console_links",
        "console_sessions",
        "provider_health",
        "refused_posts",
        "daily_counts",
        "monthly_counts",
        "hourly_counts",
        "counted_days",
        "hourly_counts",
    ),
    *(
        "processes",
        "schema_support",
        "openid_clients",
        "openid_flows",
        "openid_assertions",
    ),  # the last two are kept for an hour
    "onfido_budgets",  # one for each account at Onfido
    "signal_streams",
}
GROWING = frozenset(metadata.tables) - _FEW
# Nodes that read all of their input before they return a row, and those that keep what they returned, or stop early.
_WHOLE = {"Aggregate", "Group", "Sort", "Unique", "WindowAgg"}
_KEPT = {"CTE Scan", "Limit", "Materialize", "Memoize"}
MOST_SORTED = 2_000  # rows, as expected
MOST_COST = 8_000.0  # in PostgreSQL's units; to read a table of the test takes more

# Of these keys few rows of any table have the same, however many users there are.
_NARROW = re.compile(
    r"\b(id|rowid|user_id|verification_id|run_id|job_id|applicant_id|stream_id|event_id|digest|dedupe_key|request_key|slot|tag_of|name|owner"
    r"|missing_in)(=\?| IN)"
)
# Partial indexes of waiting or due rows, and of rows that are removed after their retention.
DUE = re.compile(
    r"INDEX (ix_outbox_(due(_notices)?|dead|settled)|ix_events_(parked|with_body)"
    r"|ix_jobs_(waiting|open|expiring|ended)|ix_verifications_(next_check|with_result)|ix_history_refused(_by)?|ix_refused_starts_since)\b"
)
# The waiting deliveries of one kind, by an index that has all of them.
_WAITING, _OF_KIND = "outbox.state = 'ready'", "ix_outbox_kind (tenant=? AND kind=? AND state=?)"
# A period, such as a day: its number of rows depends on the activity in it.
_PERIOD = re.compile(r"\((\w+=\? AND |ANY\(tenant\) AND )*(created_at|closed_at|settled_at|at)>\? AND \2<\?\)")
# A Boolean of ours as a condition, which SQLAlchemy compares with 1 on SQLite.
_UNUSABLE = re.compile(r"(\)|[<>]=? [\w.?]+) = [01]\b")
_READS = re.compile(r"(SCAN|SEARCH) (\w+)(.*)")


def fault_on_postgresql(connection: psycopg.Connection[Any], statement: Statement) -> str | None:
    """Return the parts of a statement's plan that grow with the number of users."""
    explained = connection.execute(f"EXPLAIN (FORMAT JSON) {statement.text}", statement.parameters).fetchone()
    assert explained is not None
    plan = explained[0][0]["Plan"]
    faults = [fault for node in _nodes(plan) if (fault := _fault(node))]
    if plan["Total Cost"] > MOST_COST:
        faults.append(f"costs {plan['Total Cost']:.0f}")
    return None if not faults else f"{', '.join(faults)}\n{json.dumps(_outline(plan))}"


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _fault(node: Any) -> str | None:
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING:
        return f"reads all of {node['Relation Name']}"
    if node["Node Type"] == "Sort" and node["Plan Rows"] > MOST_SORTED:
        return f"sorts {node['Plan Rows']} rows"
    if node["Node Type"] == "Nested Loop" and any(map(_is_repeated_whole, _inner(node))):
        return "computes the same for each row, of which there may be more than expected"
    return None


def _inner(loop: Any) -> list[Any]:
    return [each for each in loop["Plans"] if each["Parent Relationship"] == "Inner"]


def _is_repeated_whole(node: Any) -> bool:
    """Whether an inner part of a loop, which may run thousands of times, reads all of its input each time."""
    if node["Node Type"] in _KEPT or node["Parent Relationship"] in {"InitPlan", "SubPlan"}:
        return False
    return node["Node Type"] in _WHOLE or any(map(_is_repeated_whole, node.get("Plans", ())))


def _outline(node: Any) -> Any:
    name = " ".join(str(node[key]) for key in ("Node Type", "Relation Name", "Index Name") if key in node)
    about = f"{name} rows={node['Plan Rows']} cost={node['Total Cost']:.0f}"
    about += "".join(f" {key}={node[key]}" for key in ("Index Cond", "Filter", "Sort Key") if key in node)
    return [about, *map(_outline, node.get("Plans", ()))]


def fault_on_sqlite(connection: sqlite3.Connection, statement: Statement) -> str | None:
    """Return the parts of a statement's plan that grow with the number of users."""
    if unusable := _UNUSABLE.search(statement.text):
        return f"asks whether a condition is 1, for which no index is used: {unusable[0]}"
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters or ()).fetchall()
    is_paged = " LIMIT " in statement.text.replace("\n", " ")
    sorted_selects = {parent for _, parent, _, line in plan if "USE TEMP B-TREE" in line and "RIGHT PART" not in line}
    for _, parent, _, line in plan:
        read = _READS.match(line)
        if read is None or _table(read[2], statement) not in GROWING:
            continue
        in_order = is_paged and parent not in sorted_selects and not _names_narrow_key(read[2], statement)
        if _is_broad(read[1], read[3], is_paged=in_order) and not _reads_waiting(read[3], statement):
            return "\n".join(row[3] for row in plan)
    return None


def _reads_waiting(by: str, statement: Statement) -> bool:
    return _OF_KIND in by and _WAITING in statement.text


def _is_broad(way: str, by: str, *, is_paged: bool) -> bool:
    if way == "SEARCH" and _NARROW.search(by):
        return False
    return not (DUE.search(by) or _PERIOD.search(by) or (is_paged and way == "SEARCH"))


def _names_narrow_key(name: str, statement: Statement) -> bool:
    """Whether a statement finds one of few rows by a selective key: another index may be read up to that row."""
    return re.search(rf"\b{name}\.(user_id|run_id|applicant_id|digest) = \?", statement.text) is not None


def _table(name: str, statement: Statement) -> str:
    """Return the table with a name in a statement: the table itself, or an alias of it."""
    if name in metadata.tables:
        return name
    aliased = re.search(rf"\b(\w+) AS {name}\b", statement.text)
    return aliased[1] if aliased else name
