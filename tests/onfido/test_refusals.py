"""Onfido's error answers as errors: their codes and descriptions, without submitted values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Code, OnfidoError
from connector.onfido.authorization import TokenAuth
from connector.onfido.calls import Answer, Call
from connector.onfido.client import OnfidoClient
from connector.onfido.refusals import MAX_FIELDS, refusal
from tests.onfido.conftest import API_TOKEN, Reply, ScriptedOnfido

APPLICANT = {"first_name": "Ann<", "last_name": "Smith", "address": {"postcode": "S2 2DF", "country": "GB"}}

CORRECT_VALUES = " Correct the user's values, then ask again."
CORRECT_WORKFLOW = " Correct the provider's workflow_id, or the workflow in Onfido Studio."


def complaint(error_type: str | None = None, message: str = "", fields: object = None) -> dict[str, Any]:
    return {"error": {"type": error_type, "message": message, "fields": fields or {}}}


@pytest.fixture
def create_applicant(client: OnfidoClient) -> Callable[[], object]:
    return lambda: client.create_applicant(APPLICANT)


@pytest.fixture
def create_run(client: OnfidoClient) -> Callable[[], object]:
    return lambda: client.create_run(workflow_id="workflow-1", applicant_id="applicant-1", tags=["t"])


def failure(call: Callable[[], object]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("status", "error_type", "code"),
    [
        (401, "authorization_error", Code.TOKEN_REFUSED),
        (401, None, Code.TOKEN_REFUSED),
        (403, "authorization_error", Code.TOKEN_REFUSED),
        (403, "user_authorization_error", Code.TOKEN_REFUSED),
        (403, "account_disabled", Code.TOKEN_REFUSED),
        (400, "expired_token", Code.TOKEN_REFUSED),
        (403, "incorrect_base_url", Code.BASE_URL_WRONG),
        (429, "rate_limit", Code.ONFIDO_THROTTLES),
        (429, None, Code.ONFIDO_THROTTLES),
        (403, "rate_limit", Code.ONFIDO_THROTTLES),
        (500, "internal_server_error", Code.ONFIDO_UNREACHABLE),
        (503, None, Code.ONFIDO_UNREACHABLE),
        (422, "validation_error", Code.APPLICANT_REFUSED),
        (400, "bad_request", Code.APPLICANT_REFUSED),
        (403, None, Code.INITIATION_FAILED),
        (403, "trial_limits_reached", Code.INITIATION_FAILED),
        (422, "missing_billing_info", Code.INITIATION_FAILED),
        (409, "conflict", Code.INITIATION_FAILED),
        (307, None, Code.INITIATION_FAILED),
    ],
)
def test_every_refusal_of_an_applicant_has_its_code(
    onfido: ScriptedOnfido, create_applicant: Callable[[], object], status: int, error_type: str | None, code: Code
) -> None:
    onfido.answers(Reply(status, complaint(error_type, "No."), {"X-Request-Id": "req-1"}))
    error = failure(create_applicant)
    assert (error.code, error.status, error.type, error.request_id) == (code, status, error_type, "req-1")
    assert error.is_sent
    assert f"HTTP {status}" in error.description
    assert "req-1" in error.description
    assert (error_type or "No.") in error.description


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, complaint("bad_request", "No"), Code.WORKFLOW_REFUSED),
        (403, complaint(None, "No"), Code.WORKFLOW_REFUSED),
        (404, complaint("resource_not_found", "Could not find the workflow"), Code.WORKFLOW_REFUSED),
        (404, complaint("resource_not_found", "Applicant not found"), Code.APPLICANT_REFUSED),
        (410, complaint("gone", "It is scheduled for deletion"), Code.APPLICANT_REFUSED),
        (422, complaint("validation_error", "No", {"workflow_id": ["is inactive"]}), Code.WORKFLOW_REFUSED),
        (422, complaint("validation_error", "No", {"applicant_id": ["is unknown"]}), Code.APPLICANT_REFUSED),
        (
            422,
            complaint("validation_error", "No", {"workflow_id": ["is odd"], "applicant_id": ["is odd"]}),
            Code.WORKFLOW_REFUSED,
        ),
        (422, complaint("validation_error", "applicant", {"custom_data": ["is odd"]}), Code.WORKFLOW_REFUSED),
        (400, complaint("bad_request", "No such applicant"), Code.APPLICANT_REFUSED),
        (404, complaint("resource_not_found", "No workflow for the applicant"), Code.WORKFLOW_REFUSED),
        (422, complaint("trial_limits_reached", "No"), Code.INITIATION_FAILED),
        (409, complaint("conflict", "No"), Code.INITIATION_FAILED),
        (401, complaint("authorization_error", "No"), Code.TOKEN_REFUSED),
    ],
)
def test_a_refused_run_is_attributed_to_the_workflow_unless_it_names_the_applicant(
    onfido: ScriptedOnfido, create_run: Callable[[], object], status: int, body: dict[str, Any], code: Code
) -> None:
    onfido.answers(Reply(status, body))
    assert failure(create_run).code is code


def test_a_refused_sdk_token_and_a_missing_run_are_ordinary_failures(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(Reply(422, complaint("bad_referrer", "No")), Reply(404, complaint("resource_not_found", "No")))
    assert failure(lambda: client.create_sdk_token("a")).code is Code.INITIATION_FAILED
    error = failure(lambda: client.get_run("r"))
    assert (error.code, error.status) == (Code.INITIATION_FAILED, 404)


def test_every_refused_field_is_named_with_its_reasons_and_nested_ones_are_dotted(
    onfido: ScriptedOnfido, create_applicant: Callable[[], object]
) -> None:
    fields = {
        "first_name": ["must not contain '<'", "is odd"],
        "address": [{"postcode": ["can't be blank"]}, {"country": "is unknown"}],
        "location": {"ip_address": ["is no address"]},
        "id_numbers": [],
    }
    body = complaint("validation_error", "There was a validation error on this request", fields)
    onfido.answers(Reply(422, body, {"X-Request-Id": "req-1"}))
    assert failure(create_applicant).description == (
        "Onfido refused first_name: must not contain '<', is odd; address.postcode: can't be blank;"
        " address.country: is unknown; location.ip_address: is no address (HTTP 422,"
        " validation_error: There was a validation error on this request, request id req-1)." + CORRECT_VALUES
    )


def test_the_request_id_may_be_in_the_body(onfido: ScriptedOnfido, create_run: Callable[[], object]) -> None:
    onfido.answers(Reply(400, {**complaint(), "x-request-id": "req-2"}))
    assert failure(create_run).request_id == "req-2"


@pytest.mark.parametrize(
    "message",
    [
        "first_name Ann< is bad",
        "ANN< and smith are bad",
        "country GB, postcode s2\t2df",
        "S2 \n2DF",
        f"the token {API_TOKEN}",
    ],
)
def test_submitted_values_and_the_token_are_not_repeated(
    onfido: ScriptedOnfido, create_applicant: Callable[[], object], message: str
) -> None:
    onfido.answers(Reply(422, complaint("validation_error", message, {"first_name": [message], "Smith": [message]})))
    description = failure(create_applicant).description
    assert "…" in description
    for value in ("ann<", "smith", "gb", "s2", "2df", API_TOKEN):
        assert value not in description.lower()


def test_a_short_value_is_masked_without_damaging_words_around_it(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(422, complaint("validation_error", "e is an odd value", {"first_name": ["is odd: e"]})))
    description = failure(lambda: client.create_applicant({"first_name": "E", "last_name": ""})).description
    assert (
        description
        == "Onfido refused first_name: is odd: … (HTTP 422, validation_error: … is an odd value)." + CORRECT_VALUES
    )


def test_neither_a_call_nor_an_answer_shows_values_in_its_repr() -> None:
    call = Call("POST", "https://onfido.invalid", TokenAuth(API_TOKEN), {"tags": "Smith"}, {"last_name": "Smith"})
    shown = f"{call} {Answer(200, b'Smith', None, None)}"
    assert "Smith" not in shown
    assert API_TOKEN not in shown


def test_search_parameters_are_not_repeated(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(400, complaint("bad_request", "no tag attempt-7 is known")))
    assert "attempt-7" not in failure(lambda: client.find_run(tag="attempt-7")).description


def test_onfidos_messages_are_shortened_and_made_printable(
    onfido: ScriptedOnfido, create_applicant: Callable[[], object]
) -> None:
    fields = {f"field_{number}" * 50: ["\x1b[31m" + "y" * 1000] for number in range(100)}
    onfido.answers(Reply(422, complaint("validation_error", "z\r\n\x00" * 1000, fields), {"X-Request-Id": "x" * 101}))
    error = failure(create_applicant)
    assert error.description.isprintable()
    assert len(error.description) < MAX_FIELDS * 410 + 400
    assert error.request_id is None


@pytest.mark.parametrize(
    ("value", "said", "told"),
    [
        (True, "true is no text", "… is no text"),
        (False, "it must be true or false, not False", "it must be … or …, not …"),
        (True, "it is untrue", "it is untrue"),
        (7, "7 is below 17 or 7.5", "… is below 17 or 7.5"),
        (7, "7.0, 7e0, 07 and 7", "…, …, … and …"),
        (7.0, "7 is no text", "… is no text"),
        (2.5, "2.50, 2.5.", "…, …."),
        (-5, "-5 is below 1-5", "… is below 1-5"),
        (1234567, "1,234,567 or 1234567", "… or …"),
        (0, "at most 100", "at most 100"),
        (10**400, f"{10**400} is too large", "… is too large"),
        (1e300, "1e+300 is too large", "… is too large"),
        (float("inf"), "1e999 is too large", "1e999 is too large"),
        (None, "null is no text", "null is no text"),
        (["Jane Doe", {"deep": "Smith"}], "'jane doe' and SMITHs", "'…' and …s"),
    ],
)
def test_values_of_any_type_are_not_repeated(value: object, said: str, told: str) -> None:
    body = json.dumps(complaint("bad_request", said)).encode()
    call = Call("POST", "https://onfido.invalid", TokenAuth(API_TOKEN), fields={"custom_data": {"name": value}})
    description = refusal(Answer(422, body, None, None), call, Code.WORKFLOW_REFUSED).description
    assert description == f"Onfido refused the request (HTTP 422, bad_request: {told})." + CORRECT_WORKFLOW


@pytest.mark.parametrize("said", ["Smith " * 2000, "1" + ",111" * 1_000_000 + "x", "\u0300\u0316" * 1_000_000])
def test_no_message_is_repeated_that_is_too_long_to_search(said: str) -> None:
    """Searching it could take hours, in which no other thread runs."""
    body = json.dumps(complaint("bad_request", said, {"name": [said]}), ensure_ascii=False).encode()
    call = Call("POST", "https://onfido.invalid", TokenAuth(API_TOKEN), fields={"name": "Smith", "age": 1})
    description = refusal(Answer(422, body, None, None), call, Code.TASK_REFUSED).description
    assert description.startswith("Onfido refused name: … (HTTP 422, bad_request: …). Correct the data")


def test_no_message_is_repeated_if_too_many_values_were_sent_to_search_for() -> None:
    body = json.dumps(complaint("bad_request", "Smith is odd", {"name": ["Smith is odd"]})).encode()
    fields = {"data": [{"name": "Smith"}] * 1001}
    call = Call("POST", "https://onfido.invalid", TokenAuth(API_TOKEN), fields=fields)
    error = refusal(Answer(422, body, "req-1", None), call, Code.TASK_REFUSED)
    assert error.description.startswith("Onfido refused …: … (HTTP 422, …: …, request id …). Correct the data")
    assert (error.type, error.request_id) == ("bad_request", "req-1")


@given(
    st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["{} is odd", "not {}", "is '{}'", "({})"]),
)
def test_a_submitted_number_is_masked_as_a_separate_word(number: float, words: str) -> None:
    said = words.format(json.dumps(number))
    body = json.dumps(complaint(None, said)).encode()
    call = Call("POST", "https://onfido.invalid", TokenAuth("token-of-the-test"), fields={"custom_data": {"n": number}})
    description = refusal(Answer(400, body, None, None), call, Code.WORKFLOW_REFUSED).description
    assert description == f"Onfido refused the request (HTTP 400, {words.format('…')})." + CORRECT_WORKFLOW


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"\xff\xfe",
        b'"text"',
        b'{"error": "text"}',
        b'{"error": {"type": 7, "message": [], "fields": "all"}}',
        b'{"error": {"type": "so long that it is no type' + b"e" * 500 + b'"}}',
        b'{"error": {"fields": ' + b'{"f":' * 500 + b"1" + b"}" * 500 + b"}}",
        b"[" * 100_000,
    ],
)
def test_an_error_answer_of_unknown_shape_is_reported_by_its_status(
    onfido: ScriptedOnfido, create_applicant: Callable[[], object], body: bytes
) -> None:
    onfido.answers(Reply(502, body), Reply(409, body))
    error = failure(create_applicant)
    assert (error.code, error.type) == (Code.ONFIDO_UNREACHABLE, None)
    assert error.description == "Onfido failed (HTTP 502). Try again later."
    assert "(HTTP 409)" in failure(create_applicant).description


FOREIGN = {
    "nothing": b"",
    "a page": b"<html><h1>403 Forbidden</h1></html>",
    "text": b"stream timeout",
    "a gateway's JSON": b'{"message": "no Route matched with those values"}',
    "another gateway's JSON": b'{"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}}',
    "a word for an error": b'{"error": "Gone"}',
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("status", [400, 403, 404, 407, 408, 409, 410, 421, 422, 425, 444, 460, 499])
def test_a_refusal_that_is_not_onfidos_own_proves_nothing(
    onfido: ScriptedOnfido, create_run: Callable[[], object], status: int, body: bytes
) -> None:
    onfido.answers(Reply(status, body))
    error = failure(create_run)
    assert (error.code, error.status, error.retry_after) == (Code.ONFIDO_UNREACHABLE, status, 10)
    assert (error.is_retryable, error.is_sent, error.is_refusal, error.is_gone) == (True, True, False, False)
    assert error.description.startswith("The answer is not Onfido's")


@pytest.mark.parametrize(("status", "code"), [(401, Code.TOKEN_REFUSED), (429, Code.ONFIDO_THROTTLES)])
def test_an_unambiguous_status_keeps_its_meaning_but_needs_onfidos_body_for_a_refusal(
    onfido: ScriptedOnfido, create_run: Callable[[], object], status: int, code: Code
) -> None:
    onfido.answers(*(Reply(status, body) for body in FOREIGN.values()), Reply(status, complaint("any", "No")))
    assert [(error.code, error.is_refusal) for error in (failure(create_run) for _ in FOREIGN)] == [
        (code, False) for _ in FOREIGN
    ]
    assert failure(create_run).is_refusal


@pytest.mark.parametrize("status", [408, 425, 444, 499])
def test_a_timeout_status_is_not_a_refusal_even_with_onfidos_error_body(
    onfido: ScriptedOnfido, create_run: Callable[[], object], status: int
) -> None:
    onfido.answers(Reply(status, complaint("timeout", "Too late")))
    error = failure(create_run)
    assert (error.code, error.is_refusal) == (Code.ONFIDO_UNREACHABLE, False)
    assert "Too late" in error.description


@pytest.mark.parametrize("status", [408, 425, 499])
def test_a_read_that_a_proxy_aborted_is_repeated(onfido: ScriptedOnfido, client: OnfidoClient, status: int) -> None:
    onfido.answers(Reply(status, FOREIGN["a page"]), Reply(200, {"id": "run-1", "status": "processing"}))
    assert client.get_run("run-1").run_id == "run-1"


values = st.text(st.characters(exclude_categories=("C", "Z")), min_size=6)


@given(value=values, before=st.text(), after=st.text(), key=st.text(max_size=5))
def test_a_submitted_long_value_is_masked_anywhere_in_a_message(value: str, before: str, after: str, key: str) -> None:
    words = f"{before}{value}{after}"
    body = json.dumps(complaint("validation_error", words, {f"{key}{value}": [words]})).encode()
    call = Call("POST", "https://onfido.invalid", TokenAuth("token-of-the-test"), fields={"first_name": [value]})
    error = refusal(Answer(422, body, None, None), call, Code.APPLICANT_REFUSED)
    assert value not in error.description


def test_the_stored_summary_of_a_refusal_names_fields_without_onfidos_message(
    onfido: ScriptedOnfido, create_applicant: Callable[[], str]
) -> None:
    fields = {
        "dob": ["1990-13-41 is not a date"],
        "address": [{"postcode": ["Zebulon's is wrong"]}],
        "Zebulon Quackenbush!": ["no"],
    }
    body = complaint("validation_error", "Zebulon was refused", fields)
    onfido.answers(Reply(422, body, {"X-Request-Id": "req-1"}))

    error = failure(create_applicant)

    assert "Zebulon" in error.description, "the answer names the reason"
    assert error.summary == (
        "OIDV-10043 Onfido refused the applicant's data "
        "(dob, address.postcode, validation_error, HTTP 422, request id req-1)."
    )


def test_the_stored_summary_is_our_own_text_if_there_was_no_answer(
    onfido: ScriptedOnfido, create_applicant: Callable[[], str]
) -> None:
    onfido.answers(Reply(500, b"Zebulon <html>"))
    assert failure(create_applicant).summary == "OIDV-10046 Onfido cannot be reached (HTTP 500)."
