"""Statements on the claims of a verification, and on the tags of its run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, or_, select, update
from sqlalchemy.sql.dml import ReturningInsert

from connector.domain.stored import stored_member
from connector.domain.studio.studio import OutputRole
from connector.domain.studio.workflow_run import REVIEW
from connector.domain.verifications.judgement import ForeignVerdict, Judged, Rule, Verdict
from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.store import batch, required
from connector.store.batch import Answer
from connector.store.dialect import Extended, Insert
from connector.store.dialect import insert as insert_or
from connector.store.models import verification_claims, verification_tags, verifications

_OF_VERIFICATION = verification_claims.c.verification_id == bindparam("of_verification")
_INSERT = insert(verification_claims)
_COLUMNS = [verification_claims.c[each.name] for each in fields(VerificationClaim)]
SELECT = select(*_COLUMNS).order_by(verification_claims.c.uri)
_FIND_ALL = SELECT.where(_OF_VERIFICATION)
UNREAD = ""  # the fingerprint of a value that was not read yet: differs from all others, including that of no value
_UNBIND = (
    update(verification_claims)
    .where(_OF_VERIFICATION)
    .values(is_stale=False, fingerprint=UNREAD, folded_fingerprint=None)
)


def _binding(statement: Insert) -> ReturningInsert[Any]:
    """Complete the statement that updates the rows, which exist: all in one statement."""
    return statement.on_conflict_do_update(
        index_elements=(verification_claims.c.verification_id, verification_claims.c.uri),
        set_={name: statement.excluded[name] for name in ("fingerprint", "folded_fingerprint")},
        where=verification_claims.c.is_stale.is_(False),
    ).returning(verification_claims.c.uri)


_BIND = insert_or(verification_claims, _binding)
_REQUIRE_BOUND = insert_or(verification_claims, lambda statement: required.one_row(_binding(statement)))

_LOCK_UNDECIDED = (
    select(verifications.c.id, verifications.c.user_id)
    .where(
        verifications.c.closed_at.is_(None) | ((verifications.c.status == REVIEW) & verifications.c.decision.is_(None))
    )
    .order_by(verifications.c.id)
    .with_for_update()
)
_MARK_STALE = (
    update(verification_claims)
    .where(
        _OF_VERIFICATION,
        verification_claims.c.uri == bindparam("of_claim"),
        verification_claims.c.fingerprint.is_distinct_from(bindparam("value_now")),
    )
    .values(is_stale=True)
)
_KEEP_RESULT_OF_ALL = update(verification_claims).where(_OF_VERIFICATION)
# columns with the same value in all claims of a verification
_SHARED = ("verification_id", "provider_id", "created_at")
_SENT = ("verification_id", "is_stale")  # the same, of a verification that starts
_RESULT = ("provider_id", "created_at", "result", "is_verified", "rule", "finding", "found_at")


def _updating(names: Collection[str]) -> Callable[[Connection], Extended]:
    """Return the statement that updates these columns of existing rows, all in one statement."""
    return insert_or(
        verification_claims,
        lambda statement: statement.on_conflict_do_update(
            index_elements=(verification_claims.c.verification_id, verification_claims.c.uri),
            set_={name: statement.excluded[name] for name in names},
        ),
    )


_KEEP_RESULTS, _KEEP_RESULTS_AND_VALUES = _updating(_RESULT), _updating((*_RESULT, "output_value"))
_FIND_VERDICTS = select(
    *(verification_claims.c[name] for name in ("uri", "rule", "finding", "found_at", "result", "is_verified")),
).where(_OF_VERIFICATION, verification_claims.c.rule.is_not(None))
_ADD_TAGS = insert_or(verification_tags, lambda statement: statement.on_conflict_do_nothing())


def add(connection: Connection, verification_id: str, claims: Sequence[VerificationClaim]) -> None:
    """Insert a verification's claims."""
    rows = [row | {"fingerprint": UNREAD} for row in _rows(verification_id, claims)]
    batch.insert_all(connection, _INSERT, rows, _SENT)


def replace(
    connection: Connection, verification: Verification, claims: Sequence[VerificationClaim], tags: Collection[str]
) -> None:
    """Replace the claims and tags of a verification whose run was never requested."""
    verification_id = verification.verification_id
    connection.execute(delete(verification_claims).where(verification_claims.c.verification_id == verification_id))
    add(connection, verification_id, claims)
    connection.execute(delete(verification_tags).where(verification_tags.c.verification_id == verification_id))
    add_tags(connection, verification, tags)


def add_tags(connection: Connection, verification: Verification, tags: Collection[str]) -> None:
    """Add the tags that the verification does not have yet."""
    add_tags_of(connection, verification.verification_id, verification.provider_id, verification.created_at, tags)


def add_tags_of(
    connection: Connection, verification_id: str, provider_id: str, created_at: datetime, tags: Collection[str]
) -> None:
    """Add the tags of a verification."""
    tagged = {"verification_id": verification_id, "provider_id": provider_id, "created_at": created_at}
    batch.insert_all(connection, _ADD_TAGS(connection), [{**tagged, "tag": tag} for tag in sorted(tags)])


def bind_values(connection: Connection, verification_id: str, claims: Sequence[VerificationClaim]) -> Sequence[Answer]:
    """Record the values that the verification sends; `are_bound` must then check the answers.

    `claims` are all of the verification's claims.
    """
    return [batch.execute(connection, _BIND(connection), row) for row in _rows(verification_id, claims)]


def bind_values_or_fail(connection: Connection, verification_id: str, claims: Sequence[VerificationClaim]) -> None:
    """Do the same; if a value has changed since it was read, the transaction fails with `NoRowError`."""
    batch.insert_all(connection, _REQUIRE_BOUND(connection), _rows(verification_id, claims), _SENT)


def are_bound(connection: Connection, verification_id: str, answers: Sequence[Answer]) -> bool:
    """Return whether all values are unchanged since they were read; False if one has changed."""
    if all(answer.rowcount for answer in answers):
        return True
    # A value that is not bound is marked by every change.
    batch.execute(connection, _UNBIND, {"of_verification": verification_id})
    return False


def mark_stale(
    connection: Connection, tenant: str, changed: Mapping[str, Mapping[str, str | None]], reader: str | None = None
) -> None:
    """Mark as stale the claims of undecided verifications for which some users now have other values.

    `changed` maps users to the fingerprints of their values by claim URI (None: there is none). Undecided are open
    verifications, and those in review without a decision. The verification `reader`, which has just read the values, is
    excluded.
    """
    lock = _LOCK_UNDECIDED.where(verifications.c.tenant == tenant, verifications.c.user_id.in_(list(changed)))
    if reader is not None:
        lock = lock.where(verifications.c.id != reader)
    _mark_stale(connection, [(each.id, changed[each.user_id]) for each in connection.execute(lock)])


def mark_user_stale(connection: Connection, tenant: str, user_id: str) -> None:
    """Mark as stale all claims of a user's undecided verifications, because the user is gone."""
    lock = _LOCK_UNDECIDED.where(verifications.c.tenant == tenant, verifications.c.user_id == user_id)
    undecided = [each.id for each in connection.execute(lock)]
    of_undecided = verification_claims.c.verification_id.in_(undecided)
    connection.execute(update(verification_claims).where(of_undecided).values(is_stale=True))


def mark_overwritten(
    connection: Connection,
    verification: Verification,
    applicant_id: str,
    fingerprints: Mapping[str, str | None],
    sent: Mapping[str, Collection[str]],
) -> None:
    """Mark as stale the claims of a user's verifications whose applicant was sent other values afterwards.

    `fingerprints` are those of the values that were sent, by claim URI, `sent` the claims' URIs by applicant field. A
    verification without an applicant may be about to use this one.
    """
    lock = _LOCK_UNDECIDED.where(
        verifications.c.tenant == verification.tenant,
        verifications.c.user_id == verification.user_id,
        verifications.c.provider_id == verification.provider_id,
        (verifications.c.applicant_id == applicant_id) | verifications.c.applicant_id.is_(None),
    )
    verification_ids = connection.execute(lock).scalars().all()
    _mark_stale(connection, [(verification_id, fingerprints) for verification_id in verification_ids])
    _mark_remapped(connection, verification_claims.c.verification_id.in_(verification_ids), sent)


def mark_remapped(connection: Connection, provider_id: str, user_id: str, sent: Mapping[str, Collection[str]]) -> None:
    """Mark as stale claims of a user's open verification whose applicant fields were sent for other claims.

    `sent` has the claims' URIs by applicant field. Called after `mark_stale`, which locks the verification.
    """
    is_open = (
        verifications.c.provider_id == provider_id,
        verifications.c.user_id == user_id,
        verifications.c.closed_at.is_(None),
    )
    of_open = verification_claims.c.verification_id.in_(select(verifications.c.id).where(*is_open))
    _mark_remapped(connection, of_open, sent)


def keep_results(
    connection: Connection,
    verification: Verification,
    judged: Iterable[Judged],
    values: Mapping[str, str] | None = None,
) -> None:
    """Write a verification's results for its claims.

    `values` are those in the workflow's output, encrypted, by claim URI; if it is None, the stored ones are kept.
    """
    rows = [
        {"verification_id": verification.verification_id, "uri": claim.uri, "is_stale": claim.is_stale}
        | _result(verification, verdict)
        | ({} if values is None else {"output_value": values.get(claim.uri)})
        for claim, verdict in judged
    ]
    statement = _KEEP_RESULTS if values is None else _KEEP_RESULTS_AND_VALUES
    batch.insert_all(connection, statement(connection), sorted(rows, key=itemgetter("uri")), _SHARED)


def keep_result_of_all(connection: Connection, verification: Verification, verdict: Verdict) -> None:
    """Write a verification's result for each of its claims, if it ends without a result of its run."""
    of_verification = {"of_verification": verification.verification_id}
    batch.execute(connection, _KEEP_RESULT_OF_ALL, of_verification | _result(verification, verdict))


def find_verdicts(connection: Connection, verification_id: str) -> dict[str, Verdict]:
    """Return a verification's results for its claims, by URI; empty if there are none yet."""
    rows = connection.execute(_FIND_VERDICTS, {"of_verification": verification_id})
    return {row.uri: _verdict(row) for row in rows}


def _verdict(row: Row[Any]) -> Verdict:
    if row.rule in set(Rule):
        return Verdict(Rule(row.rule), row.finding, row.found_at)
    return ForeignVerdict(
        Rule.UNKNOWN,
        row.finding or "",
        row.found_at,
        name=row.rule,
        result=row.result or row.finding or "",
        has_verified=bool(row.is_verified),
    )


def find_all(connection: Connection, verification_id: str) -> list[VerificationClaim]:
    """Return a verification's claims, ordered by URI."""
    return read(connection.execute(_FIND_ALL, {"of_verification": verification_id}).all())


def read(rows: Iterable[Sequence[Any]]) -> list[VerificationClaim]:
    """Read the rows of `SELECT`."""
    return [
        VerificationClaim(
            uri, applicant_field, pointer, None if role is None else stored_member(OutputRole, role), *values
        )
        for uri, applicant_field, pointer, role, *values in rows
    ]


def _mark_stale(connection: Connection, values_now: Sequence[tuple[str, Mapping[str, str | None]]]) -> None:
    rows = [
        {"of_verification": verification_id, "of_claim": uri, "value_now": fingerprint}
        for verification_id, fingerprints in values_now
        for uri, fingerprint in sorted(fingerprints.items())
    ]
    if rows:
        connection.execute(_MARK_STALE, rows)


def _mark_remapped(
    connection: Connection, of_verifications: ColumnElement[bool], sent: Mapping[str, Collection[str]]
) -> None:
    sent_for_another = (
        (verification_claims.c.applicant_field == name) & verification_claims.c.uri.not_in(uris)
        for name, uris in sorted(sent.items())
    )
    connection.execute(
        update(verification_claims).where(of_verifications).where(or_(*sent_for_another)).values(is_stale=True)
    )


def _result(verification: Verification, verdict: Verdict) -> dict[str, Any]:
    return {
        "provider_id": verification.provider_id,
        "created_at": verification.created_at,
        "result": verdict.verification_status,
        "is_verified": verdict.is_verified is True,
        "rule": verdict.rule,
        "finding": verdict.finding,
        "found_at": verdict.found_at,
    }


def _rows(verification_id: str, claims: Sequence[VerificationClaim]) -> list[dict[str, Any]]:
    rows = [{"verification_id": verification_id, **vars(claim), "is_stale": False} for claim in claims]
    return sorted(rows, key=itemgetter("uri"))
