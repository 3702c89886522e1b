"""Statements on claims: one row each, and the rules for overwriting."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import column, make_url
from sqlalchemy.exc import IntegrityError

from connector.domain.claims import VALUE_CHANGED, Claim, ClaimState
from connector.store.claims import claims
from connector.store.dialect import by_code_point
from connector.store.engine import Database


@pytest.fixture
def row(provider_id: str, now: datetime) -> Callable[..., dict[str, Any]]:
    """Make a claim's row: `row(uri="givenname", is_verified=True, fingerprint="f1")`."""

    def make(uri: str = "givenname", **changes: Any) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "tenant": "acme",
            "provider_id": provider_id,
            "user_id": "ann",
            "uri": uri,
            "is_verified": False,
            "fingerprint": None,
            "sandbox_period": 0,
            "verification_id": None,
            "verification_status": None,
            "metadata": {},
            "created_at": now,
            "updated_at": now,
        } | changes

    return make


def find(database: Database, uri: str = "givenname") -> Claim:
    with database.read() as connection:
        [found] = [claim for claim in claims.find_all(connection, "acme", "ann") if claim.uri == uri]
    return found


def test_a_duplicate_claim_is_refused_and_no_claim_of_its_statement_written(
    database: Database, row: Callable[..., dict[str, Any]]
) -> None:
    with database.write() as connection:
        claims.add(connection, [row()])
    with pytest.raises(IntegrityError), database.write() as connection:
        claims.add(connection, [row("lastname"), row()])
    with database.read() as connection:
        assert [claim.uri for claim in claims.find_all(connection, "acme", "ann")] == ["givenname"]


def test_a_new_attempt_leaves_verified_claims_unchanged(
    database: Database, row: Callable[..., dict[str, Any]], now: datetime
) -> None:
    verified = row(is_verified=True, fingerprint="f1", verification_status="clear")
    with database.write() as connection:
        claims.add(connection, [verified, row("lastname", verification_status="consider")])
        later = now + timedelta(minutes=1)
        claims.set_verification(connection, [row(updated_at=later), row("lastname", updated_at=later), row("dob")])

    assert (find(database).is_verified, find(database).verification_status) == (True, "clear")
    assert find(database, "lastname").verification_status is None
    assert not find(database, "dob").is_verified


def test_a_result_keeps_the_id_and_the_administrators_metadata_of_the_row(
    database: Database, row: Callable[..., dict[str, Any]]
) -> None:
    first = row(is_verified=True, fingerprint="f1", metadata={"note": "kept"})
    with database.write() as connection:
        claims.add(connection, [first])
        claims.settle(connection, [row(fingerprint="f2", verification_status="consider"), row("dob")])
        claims.settle(connection, [])

    found = find(database)
    assert (found.claim_id, found.metadata) == (first["id"], {"note": "kept"})
    assert (found.is_verified, found.fingerprint, found.verification_status) == (False, "f2", "consider")
    assert find(database, "dob").verification_status is None


def test_the_states_of_a_users_claims_belong_to_one_provider(
    database: Database, row: Callable[..., dict[str, Any]], provider_id: str, add_provider: Callable[..., str]
) -> None:
    elsewhere = row("dob", provider_id=add_provider(name="another"))
    with database.write() as connection:
        claims.add(connection, [row(is_verified=True, verification_status="clear"), row("lastname"), elsewhere])
        states = claims.lock_states(connection, provider_id, "ann")
    assert states == {"givenname": ClaimState(True, "clear"), "lastname": ClaimState(False, None)}


@pytest.mark.parametrize(("fingerprint", "is_verified"), [("f1", True), ("f2", False), (None, False)])
def test_a_claim_is_verified_only_for_its_value(
    database: Database,
    row: Callable[..., dict[str, Any]],
    now: datetime,
    fingerprint: str | None,
    is_verified: bool,
) -> None:
    with database.write() as connection:
        claims.add(connection, [row(is_verified=True, fingerprint="f1"), row("lastname", is_verified=True)])
        claims.unverify_changed(connection, "acme", {"ann": {"givenname": fingerprint, "dob": "f4"}}, now)

    assert find(database).is_verified is is_verified
    assert find(database).verification_status == (None if is_verified else VALUE_CHANGED)
    assert find(database, "lastname").is_verified


def test_a_claim_is_found_only_by_its_user_and_tenant(database: Database, row: Callable[..., dict[str, Any]]) -> None:
    mine = row()
    with database.write() as connection:
        claims.add(connection, [mine])
        claims.correct(connection, mine["id"], {"is_verified": True, "metadata": {"by": "hand"}})
    with database.read() as connection:
        found = claims.find(connection, "acme", "ann", mine["id"])
        assert found is not None
        assert (found.is_verified, found.metadata) == (True, {"by": "hand"})
        assert claims.find(connection, "acme", "ben", mine["id"]) is None
        assert claims.find(connection, "another", "ann", mine["id"]) is None
        assert not claims.find_all(connection, "acme", "ann", "another provider")


def test_a_withdrawn_claim_is_returned_for_the_journal(
    database: Database, row: Callable[..., dict[str, Any]], provider_id: str, now: datetime
) -> None:
    with database.write() as connection:
        claims.add(connection, [row(is_verified=True, fingerprint="f1")])
        [change] = [
            change
            for fingerprint in ("f1", "f2", "f3")
            for change in claims.unverify_changed(connection, "acme", {"ann": {"givenname": fingerprint}}, now)
        ]
    assert (change.subject, change.name, change.previous, change.current) == (
        "claim",
        "givenname",
        "verified",
        VALUE_CHANGED,
    )
    assert (change.at, change.tenant, change.provider_id, change.user_id) == (now, "acme", provider_id, "ann")


def test_a_removed_user_leaves_no_claim_and_others_keep_theirs(
    database: Database, row: Callable[..., dict[str, Any]]
) -> None:
    with database.write() as connection:
        claims.add(connection, [row(), row(user_id="ben")])
        assert claims.forget_user(connection, "acme", "ann")
        assert not claims.forget_user(connection, "acme", "ann")
        assert not claims.find_all(connection, "acme", "ann")
        assert len(claims.find_all(connection, "acme", "ben")) == 1


def test_the_lock_order_does_not_depend_on_the_databases_collation() -> None:
    order = by_code_point(column("uri"))  # as SQL: the tests' own PostgreSQL has no collation that sorts otherwise

    dialects = [make_url(url).get_dialect()() for url in ("postgresql+psycopg://", "sqlite://")]
    assert [str(order.compile(dialect=dialect)) for dialect in dialects] == ['uri COLLATE "C"', "uri"]
