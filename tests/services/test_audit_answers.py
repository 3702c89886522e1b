"""The audit trail's entries: actor, action, object, values before and after, channel and address."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from connector.cli.output import actor
from connector.domain.tenancy import Tenant
from connector.services.origin import API, COMMAND_LINE, ONFIDO, WORKER
from connector.services.upkeep import Sweep
from connector.store.deliveries import outbox
from tests.bodies import config_properties, event_body, provider_body
from tests.harness import ADMIN, Caller, World, as_actor
from tests.services.conftest import Run
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING

AUDIT = "/api/server/v1/audit"
PROVIDERS = "/api/server/v1/idv-providers"
ENDPOINTS = "/api/server/v1/notice-endpoints"
ALL_CLEAR = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")
TRACE = "trace-of-the-test-0001"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


def entries(caller: Caller, **query: str | int) -> list[dict[str, Any]]:
    answer = caller.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["property"]: (each["from"], each["to"]) for each in entry["changes"]}


def put(world: World, admin: Caller, headers: dict[str, str] | None = None, **body: Any) -> None:
    path = f"{PROVIDERS}/{world.provider_id}"
    answer = admin.put(path, provider_body(world.simulator, **body), headers=headers or {})
    assert answer.status_code == 200, answer.text


def history(world: World, run_id: str) -> list[dict[str, Any]]:
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/history"
    answer = world.connector.as_admin().get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


class TestBeforeAndAfter:
    def test_the_properties_of_a_provider_are_shown_before_and_after_a_change(
        self, world: World, admin: Caller
    ) -> None:
        fields = {**MAPPING, GIVEN_NAME: MAPPING[LAST_NAME], LAST_NAME: MAPPING[GIVEN_NAME]}
        swapped = [{"localClaim": uri, "idvpClaim": name} for uri, name in fields.items()]
        put(world, admin, name="First", description="one")
        put(world, admin, name="Second", description="", isEnabled=False, claims=swapped)

        [entry, *_] = entries(admin, subject="provider")
        shown = changes(entry)
        assert (entry["actor"], entry["name"], entry["providerId"]) == (ADMIN, "Second", world.provider_id)
        assert shown["name"] == ("First", "Second")
        assert shown["description"] == ("one", None)
        assert shown["is_enabled"] == (True, False)
        assert shown[f"claims.{GIVEN_NAME}"] == ("first_name", "last_name")
        assert {name for name in shown if name.startswith("claims.")} == {f"claims.{GIVEN_NAME}", f"claims.{LAST_NAME}"}

    def test_only_the_replacement_of_a_secret_is_shown(self, world: World, admin: Caller) -> None:
        put(world, admin)
        token = "api_sandbox.a-new-token-of-the-test"
        properties = config_properties(world.simulator, token=token, webhook_token="another-webhook-token")
        put(world, admin, configProperties=properties)

        [entry, *_] = entries(admin, subject="provider")
        shown = changes(entry)
        assert shown["api_token"] == shown["webhook_token"] == ("set", "replaced")
        assert entry["sentence"].startswith("admin replaced the API token and the webhook token")
        everything = json.dumps(entries(admin, limit=1000))
        assert token not in everything
        assert "another-webhook-token" not in everything

    def test_an_added_provider_is_shown_without_unused_properties(self, world: World, admin: Caller) -> None:
        added = entries(admin, subject="provider", action="added")[-1]
        shown = changes(added)
        assert shown["api_token"] == (None, "set")
        assert {before for before, _ in shown.values()} == {None}
        assert not [name for name in shown if name.startswith("studio.")]

    def test_a_users_claims_are_named_without_their_values(self, world: World, admin: Caller) -> None:
        world.add_user("ann", {GIVEN_NAME: "Zebulonia"})
        world.put_user("ann", {GIVEN_NAME: "Zelda"})
        world.put_user("ann", {GIVEN_NAME: ""})

        removed, changed, added = entries(admin, subject="user", object="ann")
        assert changes(removed) == {GIVEN_NAME: (None, "removed")}
        assert changes(changed) == changes(added) == {GIVEN_NAME: (None, "changed")}
        assert "Z" not in json.dumps([each["changes"] for each in (removed, changed, added)])

    def test_corrections_and_decisions_show_the_states_before_and_after(self, world: World, admin: Caller) -> None:
        run_id = world.start(world.add_user())
        assert world.post_event(event_body(run_id, "review", ALL_CLEAR)).ok
        path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
        world.outcome(run_id, status="review")
        answer = admin.post(path, {"decision": "decline", "reason": "no"})
        assert answer.status_code == 200, answer.text
        claim = {"uri": GIVEN_NAME, "idVProviderId": world.provider_id, "isVerified": True, "claimMetadata": {}}
        assert admin.put("/api/users/v1/ann/idv/claims", [claim]).status_code == 201

        [decided] = entries(admin, subject="run")
        [corrected] = entries(admin, subject="claim")
        assert changes(decided) == {"status": ("review", "declined")}
        assert decided["sentence"] == f"admin declined the run {run_id} of ann in review."
        [(before, after)] = changes(corrected).values()
        assert (before != after, after) == (True, "verified")

    def test_the_properties_of_an_endpoint_are_shown(self, world: World, admin: Caller) -> None:
        body = {"url": f"{world.simulator.url}/one", "events": ["claims.changed"]}
        endpoint_id = admin.post(ENDPOINTS, body).json()["id"]
        changed = body | {"url": f"{world.simulator.url}/two", "isEnabled": False}
        assert admin.put(f"{ENDPOINTS}/{endpoint_id}", changed).status_code == 200

        [entry, added] = entries(admin, object=endpoint_id)
        assert changes(entry) == {"url": (body["url"], changed["url"]), "is_enabled": (True, False)}
        assert changes(added)["events"] == (None, ["claims.changed"])


class TestOrigin:
    def test_a_request_is_recorded_with_channel_address_and_trace(self, world: World, admin: Caller) -> None:
        put(world, admin, {"X-Correlation-ID": TRACE}, description="x")
        [entry, *_] = entries(admin, subject="provider")
        assert (entry["channel"], entry["address"], entry["traceId"]) == (API, "127.0.0.1", TRACE)

    @pytest.mark.parametrize(
        ("forwarded", "expected"),
        [
            ("203.0.113.7", "203.0.113.7 by way of 127.0.0.1"),
            ("6.6.6.6, 2001:db8::1", "2001:db8::1 by way of 127.0.0.1"),
            ("6.6.6.6, not an address", "127.0.0.1"),
            ("x" * 5000, "127.0.0.1"),
            (f"fe80::1%{'x' * 200}", "127.0.0.1"),
        ],
    )
    @pytest.mark.one_database
    def test_the_address_behind_a_proxy_is_the_one_seen_by_the_nearest_proxy(
        self, world: World, admin: Caller, forwarded: str, expected: str
    ) -> None:
        put(world, admin, {"X-Forwarded-For": forwarded}, description="x")
        [entry, *_] = entries(admin, subject="provider")
        assert entry["address"] == expected

    def test_a_start_is_recorded_with_its_caller_and_a_result_with_onfido(self, world: World) -> None:
        ann = world.add_user()
        answer = ann.verify(world.provider_id, "INITIATED", headers={"X-Correlation-ID": TRACE})
        [run_id] = {claim["claimMetadata"]["onfido_workflow_run_id"] for claim in answer.json()["claims"]}
        assert world.post_event(event_body(run_id, "approved", ALL_CLEAR)).ok

        told = history(world, run_id)
        started = [each for each in told if each["cause"] == "initiated"]
        assert {(each["actor"], each["channel"], each["traceId"]) for each in started} == {
            (as_actor("ann"), API, TRACE)
        }
        assert {each["channel"] for each in told if each["cause"] == "webhook"} == {ONFIDO}
        assert "address" not in told[0]
        with world.connector.services.database.read() as connection:
            stored = connection.exec_driver_sql("SELECT address FROM history WHERE cause = 'webhook'").scalars().all()
        assert set(stored) == {None}

    def test_a_back_end_that_starts_for_a_user_is_the_actor(self, world: World) -> None:
        world.add_user()
        shop = world.connector.caller("shop", ["internal_idv_claim_verify"])
        assert shop.verify(world.provider_id, "INITIATED", user_id="ann").status_code == 200
        [verification] = world.verifications("ann")
        [started] = [each for each in history(world, str(verification.run_id)) if each["cause"] == "initiated"]
        assert (started["actor"], started["sentence"].split()[0]) == (as_actor("shop"), "shop")

    def test_the_command_line_and_the_worker_are_channels(self, world: World, admin: Caller, run: Run) -> None:
        result = run("user", "add", "zoe", "-a", f"{GIVEN_NAME}=Zoe")
        assert result.exit_code == 0, result.output
        [entry] = entries(admin, object="zoe")
        assert (entry["actor"], entry["channel"], entry["address"]) == (actor(), COMMAND_LINE, None)

        world.faults(webhooks_lost=-1)
        run_id = world.start(world.add_user())
        world.outcome(run_id)
        world.clock.advance(3600)
        with world.connector.services.database.write() as connection:
            outbox.add(connection, Sweep())  # which the connector delivers, and the values that it writes
        world.wait_until(lambda: any(each["to"] == "approved" for each in history(world, run_id)))
        assert {each["channel"] for each in history(world, run_id) if each["to"] == "approved"} == {WORKER}

    def test_facts_of_one_request_are_not_recorded_for_the_next(self, world: World, admin: Caller) -> None:
        put(world, admin, {"X-Correlation-ID": TRACE, "X-Forwarded-For": "203.0.113.7"}, description="x")
        world.connector.services.users.add(Tenant(world.tenant), "direct", {})
        [entry] = entries(admin, object="direct")
        assert (entry["channel"], entry["address"], entry["traceId"]) == (None, None, None)


class TestSearch:
    @pytest.fixture
    def searched(self, world: World, admin: Caller) -> Caller:
        bob = world.connector.caller("bob", ["internal_idvp_view", "internal_idvp_update"])
        put(world, admin, description="by the admin")
        put(world, bob, description="by bob")
        world.connector.services.users.add(Tenant(world.tenant), "ann", {}, "bob")
        ann = world.connector.as_user("ann")
        assert ann.verify(world.provider_id, "INITIATED", ["nothing"]).status_code == 400
        return admin

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"actor": "bob"}, ["user added", "provider changed"]),
            ({"actor": "bob", "subject": "provider"}, ["provider changed"]),
            ({"actor": "bob", "action": "added"}, ["user added"]),
            ({"actor": as_actor("bob"), "action": "changed"}, ["provider changed"]),
            ({"actor": as_actor("bob"), "action": "changed", "channel": "cli"}, []),
            ({"subject": "user", "action": "added"}, ["user added"]),
            ({"subject": "user", "action": "removed"}, []),
            ({"action": "OIDV-10037"}, ["start OIDV-10037"]),
            ({"outcome": "refused"}, ["start OIDV-10037"]),
            ({"outcome": "done", "userId": "ann"}, ["user added"]),
            ({"channel": "api", "outcome": "refused", "actor": "ann"}, ["start OIDV-10037"]),
            ({"channel": "worker"}, []),
        ],
    )
    def test_all_filters_apply_together(self, searched: Caller, query: dict[str, str], expected: list[str]) -> None:
        assert [f"{each['subject']} {each['to']}" for each in entries(searched, **query)] == expected

    def test_every_entry_has_an_outcome(self, searched: Caller) -> None:
        for outcome in ("done", "refused"):
            assert {each["outcome"] for each in entries(searched, outcome=outcome)} == {outcome}

    def test_pages_with_a_filter_of_several_values_follow_each_other(self, searched: Caller) -> None:
        whole = entries(searched, outcome="done")
        first = searched.get(AUDIT, params={"outcome": "done", "limit": 2}).json()
        rest = entries(searched, outcome="done", cursor=first["nextCursor"], limit=1000)
        assert first["entries"] + rest == whole

    @pytest.mark.parametrize("query", [{"outcome": "perhaps"}, {"channel": "fax"}])
    def test_unknown_filter_values_are_refused(self, world: World, query: dict[str, str]) -> None:
        answer = world.connector.as_admin().get(AUDIT, params=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60004")

    def test_a_second_tenant_finds_no_entries(self, searched: Caller, world: World) -> None:
        other = world.connector.as_admin("another")
        for query in ({}, {"actor": "bob"}, {"outcome": "done"}, {"object": world.provider_id}, {"channel": "api"}):
            assert entries(other, **query) == []
        assert [each["name"] for each in lines(other)] == ["audit.csv"], "but for the export itself"

    @pytest.mark.parametrize("scope", ["internal_idv_audit_view", "internal_idv_claim_view"])
    def test_either_scope_is_sufficient(self, world: World, scope: str) -> None:
        auditor = world.connector.caller("auditor", [scope])
        assert auditor.get(AUDIT).status_code == auditor.get(f"{AUDIT}.csv").status_code == 200

    def test_the_audit_scope_grants_nothing_else(self, world: World) -> None:
        auditor = world.connector.caller("auditor", ["internal_idv_audit_view"])
        assert auditor.get(PROVIDERS).status_code == 403
        assert auditor.get(f"{PROVIDERS}/{world.provider_id}/verifications").status_code == 403


def lines(caller: Caller, **query: str) -> list[dict[str, str]]:
    answer = caller.get(f"{AUDIT}.csv", params=query)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8"), answer.text
    assert "audit.csv" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


class TestCsv:
    def test_the_csv_has_all_entries_of_the_list(self, world: World, admin: Caller) -> None:
        tenant = Tenant(world.tenant)
        list(world.connector.services.users.put_all(tenant, ((f"user-{n}", {}) for n in range(1200)), "importer"))
        exported = lines(admin, actor="importer")
        assert len({each["name"] for each in exported}) == len(exported) == 1200
        listed = entries(admin, actor="importer", limit=1000)
        assert [each["name"] for each in exported[:1000]] == [each["name"] for each in listed]
        assert list(exported[0]) == list(listed[0])
        assert exported[0]["sentence"] == listed[0]["sentence"]

    def test_an_export_is_in_the_audit_trail_with_its_filter(self, world: World, admin: Caller) -> None:
        lines(admin, actor="nobody", **{"from": "2026-01-01"})
        [entry] = entries(admin, subject="export")
        assert (entry["name"], entry["actor"]) == ("audit.csv", ADMIN)
        assert entry["detail"] == {"actor": "nobody", "since": "2026-01-01T00:00:00Z"}

    def test_formulas_are_escaped(self, world: World, admin: Caller) -> None:
        put(world, admin, name="=HYPERLINK(1)")
        [exported, *_] = lines(admin, subject="provider")
        assert exported["name"] == "'=HYPERLINK(1)"

    def test_the_command_line_writes_the_csv(self, world: World, admin: Caller, run: Run, tmp_path: Any) -> None:
        put(world, admin, description="x")
        target = tmp_path / "audit.csv"
        assert run("audit", "--subject", "provider", "--csv", str(target)).exit_code == 0
        written = list(csv.DictReader(io.StringIO(target.read_bytes().decode("utf-8-sig"))))
        assert [each["to"] for each in written] == [each["to"] for each in entries(admin, subject="provider")]
        assert run("audit", "--csv", str(target)).exit_code == 1
        [entry] = entries(admin, subject="export")
        assert (entry["actor"], entry["channel"]) == (actor(), COMMAND_LINE)


def test_the_command_line_prints_sentences(world: World, admin: Caller, run: Run) -> None:
    put(world, admin, description="x")
    result = run("audit", "--subject", "provider", "--action", "changed", "--sentences")
    heading, first, *_ = result.stdout.splitlines()
    assert heading.split() == ["AT", "CHANNEL", "SENTENCE"]
    assert "admin" in first
    assert first.split()[1] == API
