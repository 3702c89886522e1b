"""The help desk: the reasons for an unverified user, refused starts, the next attempt, and unlocking."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import Result

from connector.domain.audit.history import Change
from connector.domain.tenancy import Tenant
from tests.bodies import config_properties, provider_body
from tests.databases import broken
from tests.harness import Caller, World
from tests.services.conftest import Run
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

STATUS, UNLOCK = "/api/users/v1/{}/idv", "/api/users/v1/{}/idv/unlock"
PROVIDERS = "/api/server/v1/idv-providers"


@pytest.fixture
def quiet(world: World) -> World:
    """A provider to which Onfido posts nothing."""
    world.faults(webhooks_lost=-1)
    return world


def status_of(world: World, user_id: str = "ann") -> dict[str, Any]:
    """Return a user's state with the first provider, as the API shows it."""
    answer = world.connector.as_admin().get(STATUS.format(user_id))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["userId"] == user_id
    found: dict[str, Any] = next(each for each in body["providers"] if each["providerId"] == world.provider_id)
    return found


def end(world: World, caller: Caller, status: str = "approved", **comparisons: str | None) -> str:
    run_id = world.start(caller)
    compared = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"} | comparisons
    world.outcome(run_id, status=status, comparisons=compared)
    assert caller.verify(world.provider_id, "COMPLETED").status_code == 200
    return run_id


def change_provider(world: World, **properties: str) -> None:
    body = provider_body(world.simulator, configProperties=config_properties(world.simulator, **properties))
    assert world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body).status_code == 200


def printed(result: Result) -> dict[str, str]:
    """Return the output of `user show` above its table, by name."""
    assert result.exit_code == 0, result.output
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines() if not line.startswith("http")]
    return {line[0]: line[1].strip() for line in lines if len(line) == 2}


class TestReason:
    def test_a_user_who_never_started_has_that_reason(self, quiet: World, run: Run) -> None:
        quiet.add_user()

        status = status_of(quiet)

        assert (status["isVerified"], status["reason"]) == (False, "No verification was started.")
        assert (status["lastRun"], status["lastRefusal"], status["nextAttemptAt"]) == (None, None, None)
        assert {claim["reason"] for claim in status["claims"]} == {"It was not verified yet."}
        shown = printed(run("user", "show", "ann"))
        assert (shown["reason"], shown["nextAttemptAt"]) == ("No verification was started.", "now")

    def test_a_verified_user_has_no_reason(self, quiet: World, run: Run) -> None:
        run_id = end(quiet, quiet.add_user())

        status = status_of(quiet)

        assert (status["isVerified"], status["reason"]) == (True, None)
        assert (status["lastRun"]["runId"], status["lastRun"]["status"]) == (run_id, "approved")
        assert {claim["reason"] for claim in status["claims"]} == {None}
        assert run_id in printed(run("user", "show", "ann"))["lastRun"]

    def test_an_open_run_is_the_reason(self, quiet: World) -> None:
        run_id = quiet.start(quiet.add_user())
        assert status_of(quiet)["reason"] == (
            f"A verification is open: run {run_id}. The run waits for the user, who has not sent everything yet."
        )

    @pytest.mark.parametrize(
        ("ending", "words"),
        [("declined", "declined"), ("abandoned", "abandoned"), ("error", "error"), ("review", "in review")],
    )
    def test_a_run_that_was_not_approved_is_the_reason(self, quiet: World, ending: str, words: str) -> None:
        run_id = end(quiet, quiet.add_user(), ending)
        status = status_of(quiet)
        assert words in status["reason"]
        assert status["lastRun"]["runId"] == run_id

    def test_the_workflows_reasons_are_shown(self, quiet: World) -> None:
        ann = quiet.add_user()
        run_id = quiet.start(ann)
        quiet.outcome(run_id, status="declined", comparisons={}, reasons=["Document expired"])
        ann.verify(quiet.provider_id, "COMPLETED")
        assert status_of(quiet)["reason"] == "The run was declined. Document expired."
        assert status_of(quiet)["lastRun"]["reasons"] == ["Document expired"]

    def test_every_claim_has_its_own_reason(self, quiet: World, run: Run) -> None:
        ann = quiet.add_user()
        end(quiet, ann, last_name="consider", date_of_birth=None)
        quiet.connector.services.users.change(Tenant(quiet.tenant), "ann", {GIVEN_NAME: "Anna"})

        status = status_of(quiet)

        reasons = {claim["uri"]: claim["reason"] for claim in status["claims"]}
        assert reasons == {
            GIVEN_NAME: "Its value has changed since it was sent.",
            LAST_NAME: "The document shows another value.",
            BIRTH_DATE: "Onfido did not compare it: check the mapping, and the comparison checks of the workflow.",
        }
        assert "Not every attribute" in status["reason"]
        table = run("user", "show", "ann").stdout
        assert all(reason in table for reason in reasons.values())
        assert "Anna" in table

    def test_a_claim_without_a_value_does_not_prevent_verification(self, quiet: World) -> None:
        ann = quiet.add_user(values={GIVEN_NAME: "Ann", LAST_NAME: "Example"})
        run_id = quiet.start(ann, [GIVEN_NAME, LAST_NAME])
        quiet.outcome(run_id)
        ann.verify(quiet.provider_id, "COMPLETED", [GIVEN_NAME, LAST_NAME])

        status = status_of(quiet)

        assert status["isVerified"] is True
        assert {claim["reason"] for claim in status["claims"]} == {None, "The user has no value for it."}

    def test_a_disabled_provider_is_the_reason(self, quiet: World) -> None:
        quiet.add_user()
        body = provider_body(quiet.simulator, isEnabled=False)
        quiet.connector.as_admin().put(f"{PROVIDERS}/{quiet.provider_id}", body)
        assert status_of(quiet)["reason"].endswith("The provider is disabled.")

    def test_a_removed_user_is_reported_as_removed(self, quiet: World, run: Run) -> None:
        end(quiet, quiet.add_user())
        assert run("user", "remove", "ann", "--yes").exit_code == 0

        answer = quiet.connector.as_admin().get(STATUS.format("ann"))

        assert (answer.status_code, answer.json()["code"]) == (404, "IDV-10001")
        assert "removed at 20" in answer.json()["description"]
        assert "by cli:" in answer.json()["description"]
        shown = run("user", "show", "ann")
        assert shown.exit_code == 1
        assert "removed at 20" in shown.stderr
        assert "removed" not in quiet.connector.as_admin().get(STATUS.format("nobody")).text

    def test_another_tenant_sees_no_status(self, quiet: World) -> None:
        end(quiet, quiet.add_user())
        stranger = quiet.connector.as_admin("another")
        assert stranger.get(STATUS.format("ann")).status_code == 404
        assert stranger.post(UNLOCK.format("ann"), None).status_code == 404

    def test_json_is_the_apis_body_with_the_values(self, quiet: World, run: Run) -> None:
        end(quiet, quiet.add_user(), "declined")
        shown = json.loads(run("user", "show", "ann", "--json").stdout)
        assert shown.pop("attributes") == VALUES
        assert shown == quiet.connector.as_admin().get(STATUS.format("ann")).json()


def without_a_value(world: World) -> tuple[str, list[str]]:
    world.connector.services.users.change(Tenant(world.tenant), "ann", {LAST_NAME: ""})
    return "OIDV-10002", [LAST_NAME]


def with_onfido_away(world: World) -> tuple[str, list[str]]:
    world.faults(route="POST /applicants", failed=1)
    return "OIDV-10046", sorted(MAPPING)


def beyond_the_limit(world: World) -> tuple[str, list[str]]:
    change_provider(world, max_attempts="1", attempt_window="3600")
    end(world, world.connector.as_user("ann"), "declined")
    return "OIDV-10044", sorted(MAPPING)


class TestRefusedStarts:
    @pytest.mark.parametrize("cause", [without_a_value, with_onfido_away, beyond_the_limit])
    def test_a_refused_start_is_recorded_with_code_and_claims_and_no_value(
        self, quiet: World, run: Run, cause: Any
    ) -> None:
        ann = quiet.add_user()
        code, claims = cause(quiet)
        assert ann.verify(quiet.provider_id, "INITIATED").json()["code"] == code

        status = status_of(quiet)

        refusal = status["lastRefusal"]
        assert (refusal["code"], sorted(refusal["claims"])) == (code, claims)
        assert refusal["actor"].split()[0] == "ann"
        assert f"The last start was refused: {code}" in status["reason"]
        assert code in printed(run("user", "show", "ann"))["lastRefusal"]
        trace = str(traces(quiet))
        assert [value for value in VALUES.values() if value in trace] == []

    def test_an_unmapped_claim_is_named(self, quiet: World) -> None:
        ann = quiet.add_user()
        ann.verify(quiet.provider_id, "INITIATED", [GIVEN_NAME, "http://wso2.org/claims/nickname"])
        assert status_of(quiet)["lastRefusal"]["claims"] == ["http://wso2.org/claims/nickname"]

    def test_a_user_who_does_not_exist_is_unknown_also_after_a_refused_start(self, quiet: World, run: Run) -> None:
        admin = quiet.connector.as_admin()
        claims = {"idVProviderId": quiet.provider_id, "claims": [GIVEN_NAME]}
        body = claims | {"properties": [{"key": "status", "value": "INITIATED"}]}
        assert admin.post("/api/users/v1/nobody/idv/verify", body).json()["code"] == "IDV-10001"
        assert [each.current for each in traces(quiet, "nobody")] == ["IDV-10001"]

        answer = admin.get(STATUS.format("nobody"))

        assert (answer.status_code, answer.json()["code"]) == (404, "IDV-10001")
        assert run("user", "show", "nobody").exit_code == 1

    def test_a_later_start_replaces_the_refusal_as_the_reason(self, quiet: World) -> None:
        ann = quiet.add_user()
        with_onfido_away(quiet)
        ann.verify(quiet.provider_id, "INITIATED")
        quiet.faults(route="*")
        run_id = quiet.start(ann)
        assert run_id in status_of(quiet)["reason"]
        assert status_of(quiet)["lastRefusal"]["code"] == "OIDV-10046"

    def test_ordinary_refusals_are_not_recorded(self, quiet: World) -> None:
        ann = quiet.add_user()
        quiet.start(ann)
        assert ann.verify(quiet.provider_id, "INITIATED").json()["code"] == "OIDV-10004"
        assert ann.verify(quiet.provider_id, "INITIATED", []).json()["code"] == "OIDV-10034"
        assert ann.verify(quiet.provider_id, "REINITIATED").status_code == 200
        assert traces(quiet) == []

    def test_an_unknown_provider_id_of_any_length_is_handled(self, quiet: World) -> None:
        ann = quiet.add_user()
        assert ann.verify("x" * 200, "INITIATED").json()["code"] == "OIDV-10009"
        assert [(each.current, each.provider_id) for each in traces(quiet)] == [("OIDV-10009", None)]

    def test_a_refusal_that_cannot_be_recorded_is_answered_unchanged(self, quiet: World) -> None:
        ann = quiet.add_user()
        rename = "ALTER TABLE history RENAME TO {}"
        database = quiet.connector.services.database
        with broken(database, rename.format("history_away"), "ALTER TABLE history_away RENAME TO history"):
            refused = ann.verify(quiet.provider_id, "INITIATED", ["nothing"])
        assert (refused.status_code, refused.json()["code"]) == (400, "OIDV-10037")
        assert traces(quiet) == []

    def test_refused_starts_are_deleted_with_the_user_and_after_their_retention(self, quiet: World) -> None:
        for user_id in ("ann", "bob"):
            user = quiet.add_user(user_id)
            user.verify(quiet.provider_id, "INITIATED", ["nothing"])
        quiet.connector.services.users.remove(Tenant(quiet.tenant), "ann")
        assert (len(traces(quiet, "ann")), len(traces(quiet, "bob"))) == (0, 1)
        quiet.clock.advance(86400 * (quiet.connector.settings.event_retention_days + 1))
        quiet.sweep()
        assert traces(quiet, "bob") == []


class TestList:
    def test_refused_starts_and_the_removal_are_listed_with_a_users_verifications(self, quiet: World, run: Run) -> None:
        ann = quiet.add_user()
        run_id = end(quiet, ann, "declined")
        code, [claim] = without_a_value(quiet)
        ann.verify(quiet.provider_id, "INITIATED")

        text = run("verification", "list", "--user", "ann").stdout

        assert all(each in text for each in (run_id, "Refused starts:", code, claim, "ann ["))
        body = json.loads(run("verification", "list", "--user", "ann", "--json").stdout)
        assert [(each["code"], each["claims"]) for each in body["refusals"]] == [(code, [claim])]
        assert body["userRemoved"] is None
        path, query = f"{PROVIDERS}/{quiet.provider_id}/verifications", {"userId": "ann"}
        assert quiet.connector.as_admin().get(path, params=query).json() == body
        assert "refusals" not in json.loads(run("verification", "list", "--json").stdout)

    def test_the_removal_of_a_user_is_shown_with_time_and_actor(self, quiet: World, run: Run) -> None:
        end(quiet, quiet.add_user())
        eraser = quiet.connector.caller("eraser", ["internal_idv_claim_delete"])
        assert eraser.request("DELETE", STATUS.format("ann")).status_code == 204

        text = run("verification", "list", "--user", "ann").stdout

        assert text.startswith("No verification was started.\n")
        assert re.search(r"The user ann was removed at 20\d\d-\d\d-\d\dT[\d:]{8}Z by eraser \[", text)
        removed = json.loads(run("verification", "list", "--user", "ann", "--json").stdout)["userRemoved"]
        assert removed["actor"].startswith("eraser [")
        assert "removed" not in run("verification", "list", "--user", "nobody").stdout

    def test_users_are_paged_and_searched(self, quiet: World, run: Run) -> None:
        for user_id in ("Ann.Smith", "ben", "joanna", "50%_off", "zoe", "Zoe", "joan", "jo-ann", "\u00c4nne", "ann"):
            quiet.add_user(user_id)
        whole = listed(run)
        assert whole == sorted(whole)  # by code points, over both databases
        assert len(whole) == 10
        assert listed(run, "--search", "jo") == ["jo-ann", "joan", "joanna"]
        assert listed(run, "--search", "ann") == ["ann"]
        assert listed(run, "--search", "50%_") == ["50%_off"]
        assert listed(run, "--search", "\u00c4") == ["\u00c4nne"]
        assert run("user", "list", "--search", "x").stdout == "No user's id begins with x.\n"
        paged: list[str] = []
        cursor: list[str] = []
        while True:
            page = json.loads(run("user", "list", "--limit", "2", *cursor, "--json").stdout)
            paged += [each["userId"] for each in page["users"]]
            if page["nextCursor"] is None:
                break
            assert f"--cursor {page['nextCursor']}" in run("user", "list", "--limit", "2", *cursor).stderr
            cursor = ["--cursor", page["nextCursor"]]
        assert paged == whole


def listed(run: Run, *options: str) -> list[str]:
    return [each["userId"] for each in json.loads(run("user", "list", *options, "--json").stdout)["users"]]


def traces(world: World, user_id: str = "ann") -> list[Change]:
    return world.connector.services.user_statuses.refusals(Tenant(world.tenant), user_id)


class TestUnlock:
    @pytest.fixture
    def locked(self, quiet: World) -> World:
        """The user ann, who has used the one attempt that is allowed per hour."""
        quiet.add_user()
        beyond_the_limit(quiet)
        return quiet

    def test_the_time_of_the_next_attempt_is_shown(self, locked: World, run: Run) -> None:
        next_at = status_of(locked)["nextAttemptAt"]
        refused = locked.connector.as_user("ann").verify(locked.provider_id, "INITIATED")
        assert (refused.status_code, refused.json()["code"]) == (429, "OIDV-10044")
        assert next_at in refused.json()["description"]
        assert "limit" in status_of(locked)["reason"]
        assert printed(run("user", "show", "ann"))["nextAttemptAt"] == next_at

    def test_unlocking_applies_to_one_user_and_is_audited(self, locked: World, run: Run) -> None:
        locked.add_user("bob")
        end(locked, locked.connector.as_user("bob"), "declined")

        assert run("user", "unlock", "ann").exit_code == 0

        assert status_of(locked)["nextAttemptAt"] is None
        assert locked.connector.as_user("ann").verify(locked.provider_id, "INITIATED").status_code == 200
        assert locked.connector.as_user("bob").verify(locked.provider_id, "INITIATED").status_code == 429
        entries = json.loads(run("audit", "--user", "ann", "--subject", "user", "--json").stdout)["entries"]
        assert [(each["to"], each["actor"].partition(":")[0]) for each in entries] == [
            ("unlocked", "cli"),
            ("added", "system"),
        ]

    def test_unlocking_over_http_applies_to_one_provider(self, locked: World) -> None:
        body = provider_body(locked.simulator, name="Second")
        second = locked.connector.as_admin().post(PROVIDERS, body).json()["id"]
        admin = locked.connector.as_admin()

        other = admin.post(UNLOCK.format("ann"), None, params={"idVProviderId": second})
        assert other.status_code == 200
        assert status_of(locked)["nextAttemptAt"] is not None

        unlocked = admin.post(UNLOCK.format("ann"), None, params={"idVProviderId": locked.provider_id})

        assert {each["nextAttemptAt"] for each in unlocked.json()["providers"]} == {None}
        assert locked.connector.as_user("ann").verify(locked.provider_id, "INITIATED").status_code == 200

    def test_starts_refused_by_onfido_are_reported_and_unlocked_too(self, quiet: World, run: Run) -> None:
        ann = quiet.add_user()
        change_provider(quiet, max_attempts="2", token="api_nothing.of-onfidos")
        for _ in range(2):
            assert ann.verify(quiet.provider_id, "INITIATED").json()["code"] == "OIDV-10038"
        assert ann.verify(quiet.provider_id, "INITIATED").status_code == 429
        assert status_of(quiet)["nextAttemptAt"] is not None
        assert printed(run("user", "show", "ann"))["nextAttemptAt"] != "now"

        assert run("user", "unlock", "ann", "--provider", "onfido").exit_code == 0

        assert status_of(quiet)["nextAttemptAt"] is None
        assert ann.verify(quiet.provider_id, "INITIATED").json()["code"] == "OIDV-10038"

    def test_attempts_after_unlocking_count_again(self, locked: World) -> None:
        locked.connector.services.users.unlock(Tenant(locked.tenant), "ann")
        ann = locked.connector.as_user("ann")
        end(locked, ann, "declined")
        assert ann.verify(locked.provider_id, "INITIATED").status_code == 429

    def test_an_unknown_user_cannot_be_unlocked(self, locked: World, run: Run) -> None:
        result = run("user", "unlock", "nobody")
        assert (result.exit_code, result.stderr) == (
            1,
            "Error: There is no user nobody: check the id, or add the user.\n",
        )
        assert locked.connector.as_admin().post(UNLOCK.format("nobody"), None).status_code == 404

    @pytest.mark.parametrize("provider_id", ["00000000-0000-4000-8000-000000000000", "x" * 200])
    def test_an_unknown_provider_is_refused(self, locked: World, run: Run, provider_id: str) -> None:
        answer = locked.connector.as_admin().post(UNLOCK.format("ann"), None, params={"idVProviderId": provider_id})
        assert (answer.status_code, answer.json()["code"]) == (400, "IDV-10003")
        assert run("user", "unlock", "ann", "--provider", provider_id).exit_code == 1
        assert status_of(locked)["nextAttemptAt"] is not None

    def test_unlocking_requires_the_scope_for_changes(self, locked: World) -> None:
        viewer = locked.connector.as_admin(scopes=["internal_idv_claim_view"])
        assert viewer.post(UNLOCK.format("ann"), None).status_code == 403
        assert viewer.get(STATUS.format("ann")).status_code == 200
