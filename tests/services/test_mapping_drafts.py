"""Estimates: a draft of a mapping applied to a past run, and the claims that watchlist matches would have withdrawn."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import update

from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from connector.store.models import history, verifications
from tests.contract.wire import PROVIDERS
from tests.harness import Caller, World
from tests.services.conftest import Run
from tests.services.environments import LIVE, use
from tests.services.receiving import Application, notices, use_studio
from tests.services.test_watchlist import applicant_of, find_matches, monitor, verified_user
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

MIXED = {"first_name": "clear", "last_name": "consider", "date_of_birth": "unidentified"}
OUTPUT = {
    "document": {"breakdown": {"data_comparison": {"breakdown": {k: {"result": v} for k, v in MIXED.items()}}}},
    "seen": {"name": "Ann", "shouted": "EXAMPLE", "born": {"year": 1990}, "ok": True, "list": []},
}
EMAIL = "http://wso2.org/claims/emailaddress"


@pytest.fixture
def ann(world: World) -> Caller:
    world.faults(webhooks_lost=-1)
    return world.add_user()


def end(world: World, caller: Caller, status: str = "approved", output: Any = OUTPUT) -> str:
    run_id = world.start(caller)
    world.outcome(run_id, status=status, output=output)
    world.clock.advance(5)
    assert caller.verify(world.provider_id, "COMPLETED").ok
    return run_id


def ask(
    world: World, run_id: str, claims: dict[str, str], outputs: dict[str, tuple[str, str]] | None = None
) -> requests.Response:
    body = {
        "claims": [{"localClaim": uri, "idvpClaim": field} for uri, field in claims.items()],
        "outputClaims": [
            {"localClaim": uri, "pointer": pointer, "as": role} for uri, (pointer, role) in (outputs or {}).items()
        ],
    }
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/dry-run"
    return world.connector.as_admin(world.tenant).post(path, body)


def tried(world: World, run_id: str, claims: dict[str, str], **outputs: Any) -> dict[str, Any]:
    answer = ask(world, run_id, claims, **outputs)
    assert answer.status_code == 200, answer.text
    return {claim["uri"]: claim for claim in answer.json()["claims"]}


def said(verdict: Any) -> tuple[str, bool] | None:
    return None if verdict is None else (verdict["result"], verdict["isVerified"])


class TestDryRun:
    def test_the_same_mapping_has_the_same_results(self, world: World, ann: Caller) -> None:
        claims = tried(world, end(world, ann), MAPPING)
        expected = {
            GIVEN_NAME: ("clear", True),
            LAST_NAME: ("consider", False),
            BIRTH_DATE: ("unidentified", False),
        }
        for name in ("todayVerdict", "verdict"):
            assert {uri: said(claim[name]) for uri, claim in claims.items()} == expected
        assert {claim["isChanged"] for claim in claims.values()} == {False}
        assert claims[GIVEN_NAME]["verdict"]["foundAt"] == "/document/breakdown/data_comparison"

    def test_the_same_mapping_has_the_same_results_with_a_comparison_in_a_task(self, world: World, ann: Caller) -> None:
        run_id = world.start(ann)
        world.outcome(run_id, status="approved", output={"seen": {}}, comparisons=MIXED)
        world.clock.advance(5)
        assert ann.verify(world.provider_id, "COMPLETED").ok
        claims = tried(world, run_id, MAPPING)
        assert {uri: said(claim["verdict"]) for uri, claim in claims.items()} == {
            GIVEN_NAME: ("clear", True),
            LAST_NAME: ("consider", False),
            BIRTH_DATE: ("unidentified", False),
        }
        assert "#" in claims[GIVEN_NAME]["verdict"]["foundAt"]

    def test_a_value_sent_as_another_field_cannot_be_judged(self, world: World, ann: Caller) -> None:
        swapped = {GIVEN_NAME: "last_name", LAST_NAME: "first_name", BIRTH_DATE: "dob"}
        claims = tried(world, end(world, ann), swapped)
        assert [claims[uri]["limit"] for uri in (GIVEN_NAME, LAST_NAME)] == ["sent_otherwise"] * 2
        assert claims[GIVEN_NAME]["verdict"] is None
        assert "cannot be known" in claims[GIVEN_NAME]["reason"]
        assert said(claims[BIRTH_DATE]["verdict"]) == ("unidentified", False)

    def test_another_claim_in_the_same_field_changes_the_sent_value(self, world: World, ann: Caller) -> None:
        claims = tried(world, end(world, ann), {**MAPPING, EMAIL: "first_name"})
        assert claims[GIVEN_NAME]["limit"] == "sent_otherwise"
        assert claims[EMAIL]["limit"] == "not_requested"
        assert said(claims[LAST_NAME]["verdict"]) == ("consider", False)

    def test_a_field_that_onfido_never_compares_has_no_result(self, world: World, ann: Caller) -> None:
        claims = tried(world, end(world, ann), {**MAPPING, GIVEN_NAME: "email"})
        assert (said(claims[GIVEN_NAME]["verdict"]), claims[GIVEN_NAME]["isChanged"]) == (("not_compared", False), True)

    def test_a_claim_left_out_of_the_draft_is_reported(self, world: World, ann: Caller) -> None:
        claims = tried(world, end(world, ann), {uri: MAPPING[uri] for uri in (GIVEN_NAME, LAST_NAME)})
        assert (claims[BIRTH_DATE]["limit"], claims[BIRTH_DATE]["draft"]) == ("removed", None)
        assert said(claims[BIRTH_DATE]["todayVerdict"]) == ("unidentified", False)

    @pytest.mark.parametrize(
        ("pointer", "role", "expected", "limit", "found"),
        [
            ("/seen/name", "value", ("clear", True), None, "string"),
            ("/seen/shouted", "value", None, "spelling_unknown", "string"),
            ("/seen/missing", "value", ("not_compared", False), None, None),
            ("/seen/born", "value", ("not_compared", False), None, "object"),
            ("/seen/list", "value", ("not_compared", False), None, "array"),
            ("/seen/ok", "result", ("clear", True), None, "boolean"),
            ("/seen/born/year", "result", ("not_compared", False), None, "number"),
        ],
    )
    @pytest.mark.one_database
    def test_the_output_is_read_at_the_drafts_pointers(
        self, world: World, ann: Caller, pointer: str, role: str, expected: Any, limit: str | None, found: str | None
    ) -> None:
        fields = {LAST_NAME: "last_name", BIRTH_DATE: "dob"}
        claims = tried(world, end(world, ann), fields, outputs={GIVEN_NAME: (pointer, role)})
        claim = claims[GIVEN_NAME]
        assert (said(claim["verdict"]), claim["limit"], claim["foundType"]) == (expected, limit, found)
        assert claim["draft"] == {"sentAs": None, "outputPointer": pointer, "outputAs": role}

    def test_a_different_spelling_is_recognized_if_the_run_also_compared_the_output(
        self, world: World, ann: Caller
    ) -> None:
        use_studio(world, outputClaims=[{"pointer": "/seen/name", "localClaim": LAST_NAME, "as": "value"}])
        run_id = end(world, ann)
        for pointer, expected in (("/seen/shouted", ("clear", True)), ("/seen/name", ("differs", False))):
            claims = tried(world, run_id, MAPPING, outputs={LAST_NAME: (pointer, "value")})
            assert said(claims[LAST_NAME]["verdict"]) == expected

    def test_a_result_is_read_for_a_claim_that_was_not_requested(self, world: World, ann: Caller) -> None:
        run_id = end(world, ann)
        claims = tried(world, run_id, MAPPING, outputs={EMAIL: ("/seen/ok", "result")})
        assert (said(claims[EMAIL]["verdict"]), claims[EMAIL]["todayVerdict"]) == (("clear", True), None)
        claims = tried(world, run_id, MAPPING, outputs={EMAIL: ("/seen/name", "value")})
        assert claims[EMAIL]["limit"] == "not_requested"

    @pytest.mark.parametrize("status", ["declined", "review"])
    def test_a_run_that_was_not_approved_verifies_nothing_under_any_draft(
        self, world: World, ann: Caller, status: str
    ) -> None:
        run_id = end(world, ann, status)
        assert said(tried(world, run_id, MAPPING)[GIVEN_NAME]["verdict"]) == ("clear", False)
        if status == "review":
            path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
            assert world.connector.as_admin().post(path, {"decision": "approve", "reason": "seen"}).ok
            assert said(tried(world, run_id, MAPPING)[GIVEN_NAME]["verdict"]) == ("clear", True)

    def test_sandbox_results_no_longer_count_once_the_provider_is_live(self, world: World, ann: Caller) -> None:
        run_id = end(world, ann)
        use(world, LIVE)
        assert said(tried(world, run_id, MAPPING)[GIVEN_NAME]["verdict"]) == ("sandbox", False)

    def test_an_invalid_trial_is_refused(self, world: World, ann: Caller) -> None:
        run_id = world.start(ann)
        assert ask(world, run_id, MAPPING).json()["code"] == "IDVP-60012"
        world.outcome(run_id, status="approved", output=OUTPUT)
        world.clock.advance(5)
        assert ann.verify(world.provider_id, "COMPLETED").ok
        for claims, outputs in (({GIVEN_NAME: "nickname"}, {}), (MAPPING, {GIVEN_NAME: ("seen", "value")})):
            answer = ask(world, run_id, claims, outputs)
            assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60002")
        assert ask(world, str(uuid.uuid4()), MAPPING).json()["code"] == "IDVP-60010"
        with world.connector.services.database.write() as connection:
            connection.execute(update(verifications).values(result=None))
        answer = ask(world, run_id, MAPPING)
        assert (answer.status_code, answer.json()["code"]) == (404, "IDVP-60021")

    def test_a_claim_mapped_twice_is_refused(self, world: World, ann: Caller) -> None:
        path = f"{PROVIDERS}/{world.provider_id}/verifications/{end(world, ann)}/dry-run"
        twice = [{"localClaim": GIVEN_NAME, "idvpClaim": field} for field in ("first_name", "last_name")]
        answer = world.connector.as_admin().post(path, {"claims": twice})
        assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60002")

    def test_a_trial_changes_nothing_and_is_refused_for_another_tenant(
        self, world: World, ann: Caller, run: Run
    ) -> None:
        run_id, before = end(world, ann), ann.claims()
        tried(world, run_id, {GIVEN_NAME: "email"})
        assert ann.claims() == before
        other = world.connector.as_admin("other.example")
        path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/dry-run"
        assert other.post(path, {"claims": []}).status_code == 404
        assert run("verification", "dry-run", run_id, "--tenant", "other.example").exit_code == 1

    def test_the_command_line_starts_from_the_current_mapping(self, world: World, ann: Caller, run: Run) -> None:
        run_id = end(world, ann)
        same = json.loads(run("verification", "dry-run", run_id, "--json").stdout)
        assert {claim["uri"]: claim for claim in same["claims"]} == tried(world, run_id, MAPPING)
        shown = run("verification", "dry-run", run_id, "--claim", f"{GIVEN_NAME}=email", "--remove-claim", BIRTH_DATE)
        assert shown.exit_code == 0
        assert "clear, verified" in shown.stdout
        assert "does not verify this claim" in shown.stdout


class TestMatchImpact:
    def test_matches_are_counted_with_the_claims_verified_when_they_arrived(
        self, world: World, application: Application, run: Run
    ) -> None:
        use_studio(world, notices=notices(application))
        ann, bea = verified_user(world, "ann"), verified_user(world, "bea")
        path = f"{PROVIDERS}/{world.provider_id}/match-impact"
        admin = world.connector.as_admin()
        empty = admin.get(path).json()
        assert (empty["matches"], empty["users"], empty["withdrawn"], empty["isComplete"]) == (0, 0, 0, True)
        for caller in (ann, bea):
            find_matches(world, monitor(world, applicant_of(caller)))
        world.wait_until(lambda: admin.get(path).json()["matches"] == 2)
        assert admin.get(path).json()["withdrawn"] == 2 * len(MAPPING)

        claim = ann.claims()[GIVEN_NAME]
        corrected = admin.put(f"/api/users/v1/ann/idv/claims/{claim['id']}", {"isVerified": True, "claimMetadata": {}})
        assert corrected.ok
        find_matches(world, monitor(world, applicant_of(ann)))  # after the first one, only the corrected claim was left
        world.wait_until(lambda: admin.get(path).json()["matches"] == 3)
        body = admin.get(path).json()
        assert (body["users"], body["withdrawn"]) == (2, 2 * len(MAPPING) + 1)
        world.connector.rest()  # its log would be mixed with the command's output
        assert json.loads(run("provider", "match-impact", "Onfido", "--json").stdout)["withdrawn"] == body["withdrawn"]
        assert "verified claims withdrawn" in run("provider", "match-impact", "Onfido").stdout

        other = world.connector.as_admin("other.example")
        assert other.get(path).status_code == 404
        world.connector.services.users.remove(Tenant(world.tenant), "bea")
        left = admin.get(path).json()
        assert (left["matches"], left["withdrawn"]) == (3, len(MAPPING) + 1)
        with world.connector.services.database.write() as connection:
            long_ago = world.clock() - timedelta(days=91)
            connection.execute(update(history).where(history.c.cause == "watchlist").values(at=long_ago))
        assert admin.get(path).json()["matches"] == 0

    def test_a_value_changed_before_the_match_is_not_withdrawn_by_it(
        self, world: World, application: Application
    ) -> None:
        use_studio(world, notices=notices(application))
        ann = verified_user(world, "ann")
        world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Anna"})
        find_matches(world, monitor(world, applicant_of(ann)))
        path = f"{PROVIDERS}/{world.provider_id}/match-impact"
        admin = world.connector.as_admin()
        world.wait_until(lambda: admin.get(path).json()["matches"] == 1)
        assert admin.get(path).json()["withdrawn"] == len(MAPPING) - 1


def test_verified_claims_are_counted_by_kind_for_their_own_tenant_only(world: World, ann: Caller) -> None:
    end(world, ann)  # verifies the given name alone
    remapping = world.connector.services.remapping
    tenant = Tenant(world.tenant)
    assert remapping.count(tenant, world.provider_id, [GIVEN_NAME, LAST_NAME]) == 1
    assert remapping.count(tenant, world.provider_id, [LAST_NAME]) == 0
    assert remapping.count(tenant, world.provider_id, []) == 0
    with pytest.raises(RequestError):
        remapping.count(Tenant("other.example"), world.provider_id, [GIVEN_NAME])


class TestRemapping:
    """The verified claims that a draft of a mapping concerns."""

    def body(self, mapping: dict[str, str]) -> dict[str, Any]:
        return {"claims": [{"localClaim": uri, "idvpClaim": field} for uri, field in mapping.items()]}

    def impact(self, world: World, mapping: dict[str, str], tenant: str | None = None) -> requests.Response:
        path = f"{PROVIDERS}/{world.provider_id}/remapping-impact"
        return world.connector.as_admin(tenant or world.tenant).post(path, self.body(mapping))

    @pytest.mark.parametrize(
        ("change", "claims", "verified"),
        [
            ({}, [], 0),
            ({BIRTH_DATE: None}, [BIRTH_DATE], 0),
            ({GIVEN_NAME: "email", EMAIL: "first_name"}, [GIVEN_NAME], 1),
            ({GIVEN_NAME: None, LAST_NAME: "first_name", EMAIL: "last_name"}, [GIVEN_NAME, LAST_NAME], 1),
            ({EMAIL: "email"}, [], 0),
        ],
    )
    def test_claims_that_a_draft_sends_differently_are_counted_and_nothing_changes(
        self, world: World, ann: Caller, change: dict[str, str | None], claims: list[str], verified: int
    ) -> None:
        end(world, ann)  # verifies the given name alone
        drafted = MAPPING | change
        draft = {uri: field for uri, field in drafted.items() if field is not None}
        answer = self.impact(world, draft)
        assert answer.json() == {"claims": sorted(claims), "verified": verified, "atMost": 10_000}, answer.text
        admin = world.connector.as_admin(world.tenant)
        stored = admin.get(f"{PROVIDERS}/{world.provider_id}").json()["claims"]
        assert {each["localClaim"]: each["idvpClaim"] for each in stored} == MAPPING

    def test_another_tenant_sees_no_counts(self, world: World, ann: Caller) -> None:
        end(world, ann)
        answer = self.impact(world, MAPPING, "elsewhere.example")
        assert (answer.status_code, answer.json()["code"]) == (404, "IDVP-60000")

    def test_an_impossible_draft_is_refused(self, world: World, ann: Caller) -> None:
        for draft in ({GIVEN_NAME: "shoe_size"}, MAPPING | {EMAIL: "first"}):
            answer = self.impact(world, draft)
            assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60002")
        twice = self.body(MAPPING)
        twice["claims"] *= 2
        path = f"{PROVIDERS}/{world.provider_id}/remapping-impact"
        assert world.connector.as_admin().post(path, twice).status_code == 400

    def test_the_command_line_reports_the_same_counts(self, world: World, ann: Caller, run: Run) -> None:
        end(world, ann)
        mapped = ("--claim", f"{GIVEN_NAME}=email", "--claim", f"{EMAIL}=first_name")
        call = ("provider", "remapping-impact", "Onfido", *mapped, "--remove-claim", BIRTH_DATE)
        assert json.loads(run(*call, "--json").stdout) == {
            "claims": sorted([GIVEN_NAME, BIRTH_DATE]),
            "verified": 1,
            "atMost": 10_000,
        }
        assert GIVEN_NAME in run(*call).stdout
