"""The audit trail on the command line and over HTTP: filters, pages, and the tenant's own entries only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.bodies import provider_body
from tests.harness import World
from tests.services.conftest import Run
from tests.values import GIVEN_NAME

AUDIT = "/api/server/v1/audit"
PROVIDERS = "/api/server/v1/idv-providers"


def entries(world: World, tenant: str | None = None, **query: str | int) -> list[dict[str, Any]]:
    """Return a page of the trail, the latest first."""
    answer = world.connector.as_admin(tenant or world.tenant).get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    assert answer.json()["count"] == len(found)
    return found


def what(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["subject"], each["to"]) for each in found]


@pytest.fixture
def audited(world: World) -> World:
    """Typical entries of an audit trail: a correction, a refused start, a removal, changes of users and providers."""
    admin = world.connector.as_admin()
    world.add_user("ann")
    bob = world.add_user("bob")
    claim = {"uri": GIVEN_NAME, "idVProviderId": world.provider_id, "isVerified": True, "claimMetadata": {}}
    assert admin.post("/api/users/v1/ann/idv/claims", [claim]).status_code == 201
    assert bob.verify(world.provider_id, "INITIATED", ["nothing"]).status_code == 400
    assert admin.put(f"{PROVIDERS}/{world.provider_id}", provider_body(world.simulator, name="New")).status_code == 200
    eraser = world.connector.caller("eraser", ["internal_idv_claim_delete"])
    assert eraser.request("DELETE", "/api/users/v1/ann/idv").status_code == 204
    return world


def test_the_audit_trail_contains_requests_by_people_and_refusals(audited: World) -> None:
    found = entries(audited)
    assert what(found)[:6] == [
        ("user", "removed"),
        ("provider", "changed"),
        ("start", "OIDV-10037"),
        ("claim", "verified"),
        ("user", "added"),
        ("user", "added"),
    ]
    assert {"at", "actor", "cause", "detail", "from", "name", "providerId", "userId", "verificationId"} <= set(found[0])
    at = datetime.strptime(found[0]["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_audit_trail_contains_no_results_brought_only_by_onfido(audited: World) -> None:
    carol = audited.add_user("carol")
    audited.outcome(audited.start(carol))
    assert carol.verify(audited.provider_id, "COMPLETED").status_code == 200
    assert what(entries(audited, userId="carol")) == [("user", "added")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"userId": "ann"}, [("user", "removed"), ("claim", "verified"), ("user", "added")]),
        ({"userId": "bob"}, [("start", "OIDV-10037"), ("user", "added")]),
        ({"actor": "bob"}, [("start", "OIDV-10037")]),
        ({"actor": "eraser"}, [("user", "removed")]),
        ({"subject": "claim"}, [("claim", "verified")]),
        ({"object": GIVEN_NAME}, [("claim", "verified")]),
        ({"object": "New"}, [("provider", "changed")]),
        ({"subject": "user", "userId": "ann", "actor": "eraser"}, [("user", "removed")]),
        ({"from": "2999-01-01"}, []),
        ({"to": "2001-01-01"}, []),
        ({"from": "2001-01-01", "to": "2999-01-01", "subject": "claim"}, [("claim", "verified")]),
        ({"userId": "nobody"}, []),
    ],
)
def test_the_audit_trail_is_searched_by_user_actor_object_and_time(
    audited: World, query: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert what(entries(audited, **query)) == expected


def test_a_provider_is_found_by_its_id(audited: World) -> None:
    found = what(entries(audited, object=audited.provider_id))
    assert found[:3] == [("provider", "changed"), ("start", "OIDV-10037"), ("claim", "verified")]


def test_pages_follow_each_other_without_gap_or_repetition(audited: World) -> None:
    admin, whole = audited.connector.as_admin(), entries(audited, limit=1000)
    paged: list[Any] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = admin.get(AUDIT, params=query).json()
        paged += page["entries"]
        audited.connector.services.users.add(Tenant(audited.tenant), f"late-{len(paged)}", {})  # moves nothing
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert paged == whole


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"cursor": "no cursor"}, "nextCursor"),
        ({"cursor": "LTE"}, "nextCursor"),
        ({"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}, "nextCursor"),
        ({"cursor": "é"}, "nextCursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"subject": "everything"}, "subject"),
        ({"from": "yesterday"}, "from"),
    ],
)
@pytest.mark.one_database
def test_an_unreadable_filter_is_named(world: World, query: dict[str, str], named: str) -> None:
    answer = world.connector.as_admin().get(AUDIT, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60004")
    assert named in answer.json()["description"]


def test_a_tenant_sees_only_its_own_entries(audited: World) -> None:
    audited.connector.services.users.add(Tenant("another"), "zoe", {})
    assert what(entries(audited, "another")) == [("user", "added")]
    assert entries(audited, userId="zoe") == []


def test_the_audit_trail_requires_its_scope_and_must_not_be_cached(audited: World) -> None:
    assert audited.connector.as_admin(scopes=["internal_idvp_view"]).get(AUDIT).status_code == 403
    viewer = audited.connector.as_admin(scopes=["internal_idv_claim_view"]).get(AUDIT)
    assert (viewer.status_code, viewer.headers["Cache-Control"]) == (200, "no-store")


class TestCommand:
    def test_the_audit_command_prints_a_table(self, audited: World, run: Run) -> None:
        result = run("audit", "--user", "ann")
        assert result.exit_code == 0
        heading, first, *_ = result.stdout.splitlines()
        assert heading.split() == ["AT", "ACTOR", "SUBJECT", "NAME", "FROM", "TO", "USERID", "CAUSE"]
        assert first.split()[1] == "eraser"
        assert first.split()[3:5] == ["user", "ann"]

    def test_json_output_is_the_apis_body(self, audited: World, run: Run) -> None:
        options = ("--subject", "user", "--limit", "2")
        shown = json.loads(run("audit", *options, "--json").stdout)
        assert shown == audited.connector.as_admin().get(AUDIT, params={"subject": "user", "limit": 2}).json()

    def test_the_next_page_is_requested_by_its_cursor(self, audited: World, run: Run) -> None:
        first = json.loads(run("audit", "--limit", "3", "--json").stdout)
        result = run("audit", "--limit", "3")
        assert f"--cursor {first['nextCursor']}" in result.stderr
        second = json.loads(run("audit", "--limit", "3", "--cursor", first["nextCursor"], "--json").stdout)
        assert first["entries"] + second["entries"] == entries(audited, limit=6)

    def test_an_invalid_option_is_reported(self, audited: World, run: Run) -> None:
        refused = run("audit", "--cursor", "nonsense")
        assert (refused.exit_code, "nextCursor" in refused.stderr) == (1, True)
        assert run("audit", "--from", "yesterday").exit_code == 1
        assert run("audit", "--user", "nobody").stdout == "No entry matches.\n"
