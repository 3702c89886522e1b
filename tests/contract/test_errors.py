"""Every error of the contract over HTTP: its status, its body, the named fields, and no internal details."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from connector.settings import Settings
from tests.bodies import config_properties, event_body, provider_body
from tests.contract.wire import (
    ALL_SCOPES,
    OPERATIONS,
    PERSON,
    PROVIDERS,
    UNKNOWN_ID,
    USERS,
    Operation,
    add_claim,
    answer_on,
    assert_error,
    entry,
    further,
    new_provider,
    new_user,
)
from tests.databases import broken
from tests.harness import Caller, ConnectorServer, World, run_id_of
from tests.loopback import Quiet, serving
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

NIL = "00000000-0000-0000-0000-000000000000"


# Providers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_unknown_provider_is_not_found(shared: World, admin: Caller, method: str) -> None:
    answer = admin.request(method, f"{PROVIDERS}/{UNKNOWN_ID}", json=provider_body(shared.simulator, name="Nobody's"))

    assert_error(answer, 404, "IDVP-60000", UNKNOWN_ID)


def test_taken_name_is_a_conflict_for_a_new_and_for_a_renamed_provider(shared: World, admin: Caller) -> None:
    new_provider(shared, name="Taken")
    other = new_provider(shared)
    body = provider_body(shared.simulator, name="Taken")

    assert_error(admin.post(PROVIDERS, body), 409, "IDVP-60001", "Taken")
    assert_error(admin.put(f"{PROVIDERS}/{other}", body), 409, "IDVP-60001", "Taken")


@pytest.mark.parametrize("name", ["type", "name", "isEnabled"])
@pytest.mark.one_database
def test_absent_field_of_a_provider_is_named(shared: World, admin: Caller, name: str) -> None:
    body = provider_body(shared.simulator)
    del body[name]

    assert_error(admin.post(PROVIDERS, body), 400, "IDVP-60002", name)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": " "}, "name"),
        ({"name": 7}, "name"),
        ({"isEnabled": "perhaps"}, "isEnabled"),
        ({"type": "EVIDENT"}, "type"),
        ({"claims": {}}, "claims"),
        ({"claims": [{"localClaim": GIVEN_NAME}]}, "claims.0.idvpClaim"),
        ({"configProperties": [{"value": "x"}]}, "configProperties.0.key"),
    ],
)
@pytest.mark.one_database
def test_invalid_field_of_a_provider_is_named(
    shared: World, admin: Caller, changes: dict[str, Any], named: str
) -> None:
    assert_error(admin.post(PROVIDERS, provider_body(shared.simulator) | changes), 400, "IDVP-60002", named)


def test_change_of_type_is_refused(shared: World, admin: Caller) -> None:
    body = provider_body(shared.simulator, type="EVIDENT", name="Changes its type")

    assert_error(admin.put(f"{PROVIDERS}/{shared.provider_id}", body), 400, "IDVP-60003", "type")


@pytest.mark.parametrize(
    ("query", "named"),
    [("filter=name+gt+a", "filter"), ("limit=-1", "limit"), ("limit=many", "limit"), ("offset=-1", "offset")],
)
@pytest.mark.one_database
def test_bad_query_of_the_provider_list_is_named(admin: Caller, query: str, named: str) -> None:
    assert_error(admin.get(f"{PROVIDERS}?{query}"), 400, "IDVP-60004", named)


# Claims


def test_unknown_claim_is_not_found(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    path, body = f"{USERS}/{user_id}/idv/claims", {"isVerified": True, "claimMetadata": {}}

    assert_error(admin.get(f"{path}/{UNKNOWN_ID}"), 404, "IDV-10000", UNKNOWN_ID)
    assert_error(me.get(f"{USERS}/me/idv/claims/{UNKNOWN_ID}"), 404, "IDV-10000", UNKNOWN_ID)
    assert_error(admin.put(f"{path}/{UNKNOWN_ID}", body), 404, "IDV-10000", UNKNOWN_ID)
    assert_error(admin.put(path, [entry(shared.provider_id)]), 404, "IDV-10000", GIVEN_NAME)


def test_unknown_user_is_not_found(shared: World, admin: Caller) -> None:
    path = f"{USERS}/nobody/idv/claims"

    assert_error(admin.get(path), 404, "IDV-10001", "nobody")
    assert_error(admin.get(f"{path}/{UNKNOWN_ID}"), 404, "IDV-10001", "nobody")
    assert_error(admin.post(path, [entry(shared.provider_id)]), 404, "IDV-10001", "nobody")
    assert_error(admin.put(f"{path}/{UNKNOWN_ID}", entry(shared.provider_id)), 404, "IDV-10001", "nobody")
    assert_error(admin.put(path, [entry(shared.provider_id)]), 404, "IDV-10001", "nobody")
    assert_error(admin.verify(shared.provider_id, "INITIATED", user_id="nobody"), 404, "IDV-10001", "nobody")


def test_unknown_provider_of_a_claim_is_named(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    path = f"{USERS}/{user_id}/idv/claims"

    assert_error(admin.post(path, [entry(UNKNOWN_ID)]), 400, "IDV-10003", UNKNOWN_ID)
    assert_error(admin.put(path, [entry(UNKNOWN_ID)]), 400, "IDV-10003", UNKNOWN_ID)
    assert_error(admin.get(f"{path}?idVProviderId={UNKNOWN_ID}"), 400, "IDV-10003", UNKNOWN_ID)
    assert_error(me.get(f"{USERS}/me/idv/claims?idVProviderId={UNKNOWN_ID}"), 400, "IDV-10003", UNKNOWN_ID)


def test_adding_an_existing_claim_is_a_conflict(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    add_claim(shared, user_id)

    assert_error(admin.post(f"{USERS}/{user_id}/idv/claims", [entry(shared.provider_id)]), 409, "IDV-10004")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"uri": None}, "uri"),
        ({"idVProviderId": 7}, "idVProviderId"),
        ({"isVerified": "perhaps"}, "isVerified"),
        ({"claimMetadata": "text"}, "claimMetadata"),
    ],
)
@pytest.mark.one_database
def test_invalid_field_of_a_claim_is_named(shared: World, admin: Caller, change: dict[str, Any], named: str) -> None:
    user_id, _ = new_user(shared)
    path = f"{USERS}/{user_id}/idv/claims"

    assert_error(admin.post(path, [entry(shared.provider_id) | change]), 400, "IDV-10005", named)
    assert_error(admin.put(path, [entry(shared.provider_id) | change]), 400, "IDV-10005", named)


def test_absent_field_of_a_correction_is_named(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    path = f"{USERS}/{user_id}/idv/claims/{add_claim(shared, user_id)}"

    assert_error(admin.put(path, {"claimMetadata": {}}), 400, "IDV-10005", "isVerified")
    assert_error(admin.put(path, {"isVerified": True}), 400, "IDV-10005", "claimMetadata")


# Verification


@pytest.mark.parametrize("properties", [[], [{"key": "other", "value": "x"}], [{"key": "status", "value": ""}]])
@pytest.mark.one_database
def test_missing_status_is_refused(shared: World, properties: list[dict[str, str]]) -> None:
    _, me = new_user(shared)
    body = {"idVProviderId": shared.provider_id, "claims": [GIVEN_NAME], "properties": properties}

    assert_error(me.post(f"{USERS}/me/idv/verify", body), 400, "OIDV-10000", "status")


def test_an_unknown_status_is_refused(shared: World) -> None:
    _, me = new_user(shared)

    assert_error(me.verify(shared.provider_id, "STARTED"), 400, "OIDV-10020", "INITIATED", "COMPLETED", "REINITIATED")


def test_absent_provider_of_a_verification_is_named(shared: World) -> None:
    _, me = new_user(shared)
    body = {"claims": [GIVEN_NAME], "properties": [{"key": "status", "value": "INITIATED"}]}

    assert_error(me.post(f"{USERS}/me/idv/verify", body), 400, "IDV-10005", "idVProviderId")


def test_claims_without_a_value_are_named(shared: World) -> None:
    _, me = new_user(shared, {GIVEN_NAME: PERSON[GIVEN_NAME]})

    description = assert_error(me.verify(shared.provider_id, "INITIATED"), 400, "OIDV-10002", LAST_NAME, BIRTH_DATE)

    assert GIVEN_NAME not in description


def test_an_open_verification_prevents_a_second_one(shared: World) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)

    assert_error(me.verify(shared.provider_id, "INITIATED"), 400, "OIDV-10004", run_id)


def test_verified_claims_with_unchanged_values_are_not_verified_again(shared: World) -> None:
    _, me = new_user(shared)
    shared.outcome(shared.start(me, [GIVEN_NAME]))
    assert answer_on(me.verify(shared.provider_id, "COMPLETED", [GIVEN_NAME]), 200)["claims"][0]["isVerified"]

    assert_error(me.verify(shared.provider_id, "INITIATED", [GIVEN_NAME]), 400, "OIDV-10049", "verified already")


@pytest.mark.parametrize("status", ["INITIATED", "COMPLETED", "REINITIATED"])
def test_unknown_and_disabled_providers_verify_no_user(shared: World, status: str) -> None:
    _, me = new_user(shared)
    disabled = new_provider(shared, isEnabled=False)

    assert_error(me.verify(UNKNOWN_ID, status), 400, "OIDV-10009", UNKNOWN_ID)
    assert_error(me.verify(disabled, status), 400, "OIDV-10009", disabled)


@pytest.mark.parametrize("status", ["COMPLETED", "REINITIATED"])
def test_a_verification_that_was_never_started_cannot_be_completed_or_resumed(shared: World, status: str) -> None:
    _, me = new_user(shared)
    assert_error(me.verify(shared.provider_id, status), 400, "OIDV-10014")

    shared.start(me, [GIVEN_NAME])

    assert_error(me.verify(shared.provider_id, status, [BIRTH_DATE]), 400, "OIDV-10014", BIRTH_DATE)


@pytest.mark.parametrize("run_status", ["processing", "approved", "declined"])
def test_a_run_that_awaits_no_input_is_not_resumed(shared: World, run_status: str) -> None:
    _, me = new_user(shared)
    shared.outcome(shared.start(me), status=run_status)

    assert_error(me.verify(shared.provider_id, "REINITIATED"), 400, "OIDV-10033", run_status)


@pytest.mark.parametrize("status", ["INITIATED", "COMPLETED", "REINITIATED"])
@pytest.mark.one_database
def test_empty_list_of_claims_is_refused(shared: World, status: str) -> None:
    _, me = new_user(shared)

    assert_error(me.verify(shared.provider_id, status, []), 400, "OIDV-10034", "claims")


@pytest.mark.parametrize("status", ["INITIATED", *further("COMPLETED", "REINITIATED")])
def test_claim_without_mapping_is_named(shared: World, status: str) -> None:
    _, me = new_user(shared)
    unmapped = "http://wso2.org/claims/nickname"

    description = assert_error(
        me.verify(shared.provider_id, status, [GIVEN_NAME, unmapped]), 400, "OIDV-10037", unmapped
    )

    assert GIVEN_NAME not in description


def test_user_at_the_attempt_limit_gets_the_time_of_the_next_attempt(shared: World) -> None:
    _, me = new_user(shared)
    provider_id = provider_with(shared, max_attempts="2", attempt_window="3600")
    for _ in range(2):
        started = me.verify(provider_id, "INITIATED")
        shared.outcome(run_id_of(started), status="abandoned")
        assert me.verify(provider_id, "COMPLETED").status_code == 200

    answer = me.verify(provider_id, "INITIATED")

    assert_error(answer, 429, "OIDV-10044")
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600


# Refusals and outages of Onfido


def provider_with(world: World, **properties: str) -> str:
    return new_provider(world, configProperties=config_properties(world.simulator, **properties))


def test_api_token_that_onfido_refuses_is_reported(shared: World) -> None:
    _, me = new_user(shared)
    token = "not-a-token-of-onfido"

    description = assert_error(me.verify(provider_with(shared, token=token), "INITIATED"), 400, "OIDV-10038")

    assert token not in description


def test_a_workflow_unknown_to_onfido_is_reported(shared: World) -> None:
    _, me = new_user(shared)

    answer = me.verify(provider_with(shared, workflow_id=NIL), "INITIATED")

    assert_error(answer, 400, "OIDV-10042", "workflow")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("location.country_of_residence", "QQZ"),
        *further(("email", "quackenbush.example.com"), ("phone_number", "0" * 41)),
    ],
)
def test_applicant_data_that_only_onfido_can_refuse_is_named_by_field_and_not_repeated(
    shared: World, field: str, value: str
) -> None:
    claims = [{"localClaim": uri, "idvpClaim": name} for uri, name in (MAPPING | {"urn:claim": field}).items()]
    provider_id = new_provider(shared, claims=claims)
    _, me = new_user(shared, PERSON | {"urn:claim": value})

    description = assert_error(me.verify(provider_id, "INITIATED", ["urn:claim"]), 400, "OIDV-10043", field, "Onfido")

    assert value not in description


def test_a_start_refused_by_onfido_leaves_no_run_to_resume(shared: World) -> None:
    _, me = new_user(shared)
    assert_error(me.verify(provider_id := provider_with(shared, workflow_id=NIL), "INITIATED"), 400, "OIDV-10042")

    assert_error(me.verify(provider_id, "REINITIATED"), 400, "OIDV-10014", "INITIATED")


@pytest.mark.parametrize("route", ["POST /applicants", "POST /workflow_runs"])
def test_a_throttled_caller_gets_the_retry_time(onfido: World, route: str) -> None:
    _, me = new_user(onfido)
    onfido.faults(route=route, throttled=1, retry_after=1)

    answer = me.verify(onfido.provider_id, "INITIATED")

    assert_error(answer, 503, "OIDV-10045")
    assert answer.headers["Retry-After"] == "1"
    assert me.verify(onfido.provider_id, "INITIATED").status_code == 200  # nothing was lost


@pytest.mark.parametrize("switch", [{"failed": 1}, *further({"failed_after": 1}, {"dropped_after": 1})])
def test_a_failure_or_disconnection_of_onfido_is_reported_as_an_outage(onfido: World, switch: dict[str, int]) -> None:
    _, me = new_user(onfido)
    onfido.faults(route="POST /applicants", **switch)

    answer = me.verify(onfido.provider_id, "INITIATED")

    assert_error(answer, 503, "OIDV-10046")
    assert int(answer.headers["Retry-After"]) > 0
    assert me.verify(onfido.provider_id, "INITIATED").status_code == 200  # nothing was lost


def test_a_timeout_of_onfido_is_reported_as_an_outage(onfido: World) -> None:
    user_id, me = new_user(onfido)
    onfido.faults(route="POST /applicants", latency_ms=5_000)
    hasty = dataclasses.replace(onfido.connector.settings, onfido_read_timeout=0.5)

    with ConnectorServer(hasty, onfido.clock) as connector:
        answer = connector.as_user(user_id).verify(onfido.provider_id, "INITIATED")

    assert_error(answer, 503, "OIDV-10046")
    assert int(answer.headers["Retry-After"]) > 0
    onfido.faults(latency_ms=0)
    assert me.verify(onfido.provider_id, "INITIATED").status_code == 200  # nothing was lost


@pytest.mark.parametrize("status", ["COMPLETED", "REINITIATED"])
def test_a_later_outage_of_onfido_is_reported(onfido: World, status: str) -> None:
    _, me = new_user(onfido)
    onfido.start(me)
    onfido.faults(route="GET /workflow_runs/{run_id}", failed=1)

    answer = me.verify(onfido.provider_id, status)

    assert_error(answer, 503, "OIDV-10046")
    assert int(answer.headers["Retry-After"]) > 0
    assert me.verify(onfido.provider_id, status).status_code == 200


@contextmanager
def answering(status: int, error_type: str) -> Iterator[str]:
    """An Onfido that refuses everything in the same way; returns its base URL."""
    content = json.dumps({"error": {"type": error_type, "message": "No.", "fields": {}}}).encode()

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802  the base class's name
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(status, content)

    with serving(Handler) as url:
        yield f"{url}/v3.6"


@pytest.mark.parametrize(
    ("status", "error_type", "expected_status", "code"),
    [
        (403, "incorrect_base_url", 400, "OIDV-10039"),
        (403, "trial_limits_reached", 502, "OIDV-10006"),
        (403, "missing_billing_info", 502, "OIDV-10006"),
        (401, "expired_token", 400, "OIDV-10038"),
        (403, "account_disabled", 400, "OIDV-10038"),
        (418, "something_new", 502, "OIDV-10006"),
    ],
)
@pytest.mark.one_database
def test_onfidos_error_type_is_passed_on(
    shared: World, status: int, error_type: str, expected_status: int, code: str
) -> None:
    _, me = new_user(shared)
    with answering(status, error_type) as base_url:
        answer = me.verify(provider_with(shared, base_url=base_url), "INITIATED")

    assert_error(answer, expected_status, code, error_type)


def test_a_stored_property_that_is_no_longer_allowed_is_named(settings: Settings, world: World) -> None:
    stricter = dataclasses.replace(settings, allow_http_loopback=False)
    with ConnectorServer(stricter, world.clock) as connector:
        world.add_user("late", PERSON)
        answer = connector.as_user("late").verify(world.provider_id, "INITIATED")

    assert_error(answer, 400, "OIDV-10016", "base_url")


# Webhooks


def test_the_webhook_of_an_unknown_provider_is_not_found(shared: World) -> None:
    assert_error(shared.post_event(event_body("x"), provider_id=UNKNOWN_ID), 404, "OIDV-60001", UNKNOWN_ID)


@pytest.mark.parametrize("signature", ["", "0" * 64, "not hexadecimal", "é"])
@pytest.mark.one_database
def test_a_wrong_signature_is_refused(shared: World, signature: str) -> None:
    assert_error(shared.post_event(event_body("x"), signature=signature), 401, "OIDV-60002", "X-SHA2-Signature")


def test_a_provider_without_webhook_token_accepts_no_event(shared: World) -> None:
    provider_id = new_provider(shared)

    assert_error(shared.post_event(event_body("x"), provider_id=provider_id), 401, "OIDV-60002")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b"\xff", b'{"payload": {}}', b'{"payload": 1}'])
@pytest.mark.one_database
def test_signed_body_without_an_event_is_refused(shared: World, body: bytes) -> None:
    assert_error(shared.post_event(body), 400, "OIDV-60007")


def test_event_over_the_size_limit_is_refused(shared: World) -> None:
    assert_error(shared.post_event(b" " * (1024 * 1024 + 1)), 413, "OIDV-60008", "1048576")


# Unexpected errors


def test_broken_database_is_an_error_without_details(world: World) -> None:
    _, me = new_user(world)
    away, back = "ALTER TABLE providers RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO providers"

    with broken(world.connector.services.database, away, back), capture_logs():  # stack traces are printed at length
        assert_error(world.connector.as_admin().get(f"{PROVIDERS}/{world.provider_id}"), 500, "IDVP-65000")
        assert_error(me.verify(world.provider_id, "INITIATED"), 500, "IDV-15000")
        assert_error(world.post_event(event_body("x")), 500, "OIDV-65000")


# Access


@pytest.fixture
def ask(shared: World) -> Callable[..., requests.Response]:
    """Call an operation with unknown ids and an invalid body, which would be refused after the token was accepted."""

    def request(operation: Operation, caller: Caller) -> requests.Response:
        return caller.request(operation.method, operation.path_for(), data=b"{")

    return request


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.one_database
def test_a_caller_without_a_token_is_challenged(
    shared: World, ask: Callable[..., requests.Response], operation: Operation
) -> None:
    answer = ask(operation, Caller(shared.connector.url, {}))

    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "error=" not in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.one_database
def test_a_caller_with_an_invalid_token_gets_an_error(
    shared: World, ask: Callable[..., requests.Response], operation: Operation
) -> None:
    answer = ask(operation, Caller(shared.connector.url, {"Authorization": "Bearer of.bad.news"}))

    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.one_database
def test_a_caller_without_the_scope_gets_its_name(
    shared: World, ask: Callable[..., requests.Response], operation: Operation
) -> None:
    others = [scope for scope in ALL_SCOPES if scope not in (operation.scope, *operation.others)]

    answer = ask(operation, shared.connector.caller("admin", others))

    assert_error(answer, 403, None, operation.scope)
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert f'scope="{operation.scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.one_database
def test_a_caller_with_the_required_scope_is_accepted(
    shared: World, ask: Callable[..., requests.Response], operation: Operation
) -> None:
    answer = ask(operation, shared.connector.caller("nobody", [operation.scope]))

    assert answer.status_code not in (401, 403)


def test_basic_authentication_is_challenged(shared: World) -> None:
    answer = requests.get(shared.connector.url + PROVIDERS, auth=("admin", "admin"), timeout=60)

    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


# Trace ids


@pytest.mark.parametrize("trace_id", ["e0fbcfeb-3617-43c4-8dd0-7b7d38e13047", "abcdef0123456789", "Call:7.of_9-x"])
@pytest.mark.one_database
def test_valid_correlation_id_is_used_and_echoed(admin: Caller, trace_id: str) -> None:
    refused = admin.get(f"{PROVIDERS}/{UNKNOWN_ID}", headers={"X-Correlation-ID": trace_id})
    assert_error(refused, 404)
    assert refused.json()["traceId"] == trace_id

    answered = admin.get(PROVIDERS, headers={"X-Correlation-ID": trace_id})
    assert answered.headers["X-Correlation-ID"] == trace_id


@pytest.mark.parametrize(
    "trace_id", ["", "a b c d e f", "<script>alert(1)", "x" * 300, "é" * 20, '"quoted!"', "a,b,c,d,e"]
)
@pytest.mark.one_database
def test_invalid_correlation_id_is_replaced(admin: Caller, trace_id: str) -> None:
    answer = admin.get(f"{PROVIDERS}/{UNKNOWN_ID}", headers={"X-Correlation-ID": trace_id.encode("latin-1")})

    assert_error(answer, 404)
    assert answer.json()["traceId"] != trace_id
    assert len(answer.json()["traceId"]) == 36


def test_every_request_without_a_correlation_id_gets_its_own(admin: Caller) -> None:
    ids = {admin.get(f"{PROVIDERS}/{UNKNOWN_ID}").json()["traceId"] for _ in range(3)}

    assert len(ids) == 3


# Unknown routes and methods


def test_unknown_routes_and_wrong_methods_have_the_common_error_format(admin: Caller) -> None:
    assert_error(admin.get("/api/server/v1/nothing"), 404)
    assert_error(admin.get("/nothing"), 404)
    answer = admin.request("PATCH", PROVIDERS)
    assert_error(answer, 405)
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


@pytest.mark.parametrize("claims", [list(MAPPING), [GIVEN_NAME, GIVEN_NAME]])
def test_errors_under_a_tenant_have_the_common_error_format(shared: World, claims: list[str]) -> None:
    answer = shared.connector.as_user("nobody", "acme.example").verify(shared.provider_id, "INITIATED", claims)

    assert_error(answer, 400, "OIDV-10009", shared.provider_id)
