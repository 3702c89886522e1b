"""Events: their signature, checked against the vendor's verifier, and their content."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.studio.workflow_run import Comparison, RunSnapshot
from connector.errors import Code, RequestError
from connector.onfido.webhooks import Event, is_signed, read_event
from tests import vendor

RUN_ID = "9f1d8a4e-1f0b-4d8e-8f43-0c3bb1a0a001"
COMPLETED = {
    "payload": {
        "resource_type": "workflow_run",
        "action": "workflow_run.completed",
        "object": {"id": RUN_ID, "status": "approved", "completed_at_iso8601": "2026-03-01T10:00:00Z"},
        "resource": {
            "id": RUN_ID,
            "applicant_id": "9f1d8a4e-1f0b-4d8e-8f43-0c3bb1a0a002",
            "workflow_id": "9f1d8a4e-1f0b-4d8e-8f43-0c3bb1a0a003",
            "status": "approved",
            "output": {"data_comparison": {"first_name": {"result": "clear"}}},
            "updated_at": "2026-03-01T10:00:01Z",
        },
    }
}
tokens = st.text(min_size=1)


def sign(body: bytes, token: str) -> str:
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


def event(**payload: object) -> bytes:
    return json.dumps({"payload": payload}).encode()


@given(st.binary(), st.lists(tokens, min_size=1), st.data())
def test_a_body_signed_with_any_of_the_tokens_is_accepted(body: bytes, known: list[str], data: st.DataObject) -> None:
    token = data.draw(st.sampled_from(known))
    assert is_signed(body, sign(body, token), known)


@given(st.binary(min_size=1), tokens, st.integers(min_value=0))
def test_one_bit_changed_in_the_body_breaks_the_signature(body: bytes, token: str, position: int) -> None:
    changed = bytearray(body)
    changed[position // 8 % len(body)] ^= 1 << position % 8
    assert not is_signed(bytes(changed), sign(body, token), [token])


@given(st.binary(), tokens, st.integers(min_value=0, max_value=64 * 7 - 1))
def test_one_bit_changed_in_the_signature_breaks_it(body: bytes, token: str, position: int) -> None:
    changed = bytearray(sign(body, token).encode())
    changed[position // 7] ^= 1 << position % 7
    assert not is_signed(body, changed.decode(), [token])


@given(st.binary(), st.text(st.characters()) | st.none(), st.lists(tokens))
def test_a_garbage_signature_is_refused(body: bytes, garbage: str | None, known: list[str]) -> None:
    assert not is_signed(body, garbage, known)


@pytest.mark.parametrize("signature", [None, "", " ", "é" * 64, "\udcff", "0" * 64, "0" * 63, "sha256=" + "0" * 64])
def test_a_malformed_signature_is_refused_without_an_error(signature: str | None) -> None:
    assert not is_signed(b"{}", signature, ["token"])


def test_a_signature_is_compared_exactly() -> None:
    good = sign(b"{}", "token")
    assert is_signed(b"{}", good, ["other", "token"])
    for variant in (good.upper(), good + " ", good[:-1], good + "0"):
        assert not is_signed(b"{}", variant, ["token"])


def test_an_empty_token_accepts_no_signature() -> None:
    assert not is_signed(b"{}", sign(b"{}", ""), [""])
    assert not is_signed(b"{}", sign(b"{}", ""), [])


@given(
    st.fixed_dictionaries({"id": st.uuids().map(str), "status": st.sampled_from(["approved", "declined", "review"])}),
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.booleans(),
)
def test_the_vendors_verifier_agrees(about: dict[str, str], token: str, is_genuine: bool) -> None:
    payload = {"resource_type": "workflow_run", "action": "workflow_run.completed", "object": about}
    body = event(**payload)
    signature = sign(body if is_genuine else body + b" ", token)
    try:
        vendors = vendor.WebhookEventVerifier(token).read_payload(body.decode(), signature)
    except vendor.OnfidoInvalidSignatureError:
        vendors = None
    assert is_signed(body, signature, [token]) is (vendors is not None) is is_genuine
    if vendors is not None:
        ours = read_event(body)
        assert vendors.payload is not None
        assert vendors.payload.object is not None
        assert (ours.kind, ours.run_id) == (vendors.payload.action, vendors.payload.object.id)


def test_a_completed_run_brings_its_result() -> None:
    assert read_event(json.dumps(COMPLETED).encode()) == Event(
        kind="workflow_run.completed",
        resource_type="workflow_run",
        run_id=RUN_ID,
        run=RunSnapshot(
            run_id=RUN_ID,
            status="approved",
            comparisons={"first_name": Comparison.CLEAR},
            places={"first_name": "/data_comparison"},
            completed_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
            output={"data_comparison": {"first_name": {"result": "clear"}}},
        ),
        happened_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize("resource", [None, "text", [], {}, {"output": None}, {"output": ["text"]}])
def test_a_completed_run_without_comparison_is_not_conclusive(resource: object) -> None:
    about = {"id": RUN_ID, "status": "approved"}
    body = event(resource_type="workflow_run", action="workflow_run.completed", object=about, resource=resource)
    run = read_event(body).run
    assert run is not None
    assert run.comparisons is None
    assert not run.is_conclusive


def test_an_output_of_any_depth_is_read() -> None:
    body = json.dumps(COMPLETED).replace(
        '"data_comparison"', '"deep": ' + "[" * 500 + "]" * 500 + ', "data_comparison"'
    )
    run = read_event(body.encode()).run
    assert run is not None
    assert run.comparisons == {"first_name": Comparison.CLEAR}


def test_the_objects_status_takes_precedence_over_the_resources() -> None:
    body = event(
        resource_type="workflow_run",
        action="workflow_run.completed",
        object={"id": RUN_ID, "status": "declined", "completed_at_iso8601": None},
        resource={"id": "another", "status": "processing", "completed_at_iso8601": "2026-03-01T10:00:00Z"},
    )
    run = read_event(body).run
    assert run == RunSnapshot(RUN_ID, "declined", completed_at=datetime(2026, 3, 1, 10, tzinfo=UTC))


def test_a_run_event_without_a_status_names_only_the_run() -> None:
    body = event(resource_type="workflow_run", action="workflow_run.started", object={"id": RUN_ID})
    assert read_event(body) == Event("workflow_run.started", "workflow_run", run_id=RUN_ID)


@pytest.mark.parametrize("place", ["object", "resource"])
def test_a_task_event_names_its_run(place: str) -> None:
    payload: dict[str, Any] = {"object": {"id": "manual_case_review_1"}, "resource": {"status": "completed"}}
    payload[place]["workflow_run_id"] = RUN_ID
    body = event(resource_type="workflow_task", action="workflow_task.started", **payload)
    assert read_event(body) == Event(
        "workflow_task.started", "workflow_task", run_id=RUN_ID, task_id="manual_case_review_1"
    )


@pytest.mark.parametrize("place", ["object", "resource"])
def test_a_task_event_names_the_tasks_definition(place: str) -> None:
    payload: dict[str, Any] = {"object": {"id": "profile_1"}, "resource": {"workflow_run_id": RUN_ID}}
    payload[place]["task_def_id"] = "profile_data"
    body = event(resource_type="workflow_task", action="workflow_task.started", **payload)
    told = read_event(body)
    assert (told.task_id, told.task_def_id, told.run_id) == ("profile_1", "profile_data", RUN_ID)


@pytest.mark.parametrize("about", [None, {}, {"id": 7, "task_def_id": []}, {"id": "t" * 65, "task_def_id": "\x00"}])
def test_a_task_event_without_a_task_id_is_an_event(about: object) -> None:
    body = event(resource_type="workflow_task", action="workflow_task.started", object=about)
    assert read_event(body) == Event("workflow_task.started", "workflow_task")


def test_a_watchlist_event_names_the_monitor() -> None:
    action = "watchlist_monitor.matches_updated"
    body = event(resource_type="watchlist_monitor", action=action, object={"id": "monitor-1", "status": "complete"})
    assert read_event(body) == Event(action, "watchlist_monitor", monitor_id="monitor-1")


def test_a_watchlist_event_belongs_to_its_monitor_even_if_it_names_a_run() -> None:
    told = {"id": "monitor-1", "workflow_run_id": "run-1"}
    body = event(resource_type="watchlist_monitor", action="watchlist_monitor.matches_updated", object=told)
    assert read_event(body).run_id is None


def test_an_event_of_another_kind_belongs_to_no_run() -> None:
    body = event(resource_type="check", action="check.completed", object={"id": "c", "status": "complete"})
    assert read_event(body) == Event("check.completed", "check")


GOOD = json.dumps(COMPLETED).encode()


@pytest.mark.parametrize("digits", [1, 640, 641, 4300, 4301, 100_000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_of_any_length_does_not_make_an_event_unreadable(digits: int, sign: str) -> None:
    body = GOOD.replace(b'"data_comparison"', b'"number": %s%s, "data_comparison"' % (sign.encode(), b"9" * digits))
    run = read_event(body).run
    assert run is not None
    assert run.comparisons == {"first_name": Comparison.CLEAR}


def test_a_byte_order_mark_is_not_part_of_the_event() -> None:
    assert read_event(b"\xef\xbb\xbf" + GOOD) == read_event(GOOD)


@pytest.mark.parametrize("body", [b"{}", b'{"payload": null}', b'{"event": {}}', b"\xef\xbb\xbf{}"])
def test_an_event_without_a_payload_is_refused_with_an_exact_message(body: bytes) -> None:
    with pytest.raises(RequestError, match="it has no payload"):
        read_event(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[:-1], id="truncated"),
        pytest.param(GOOD + b"\x00", id="NUL after it"),
        pytest.param(GOOD.replace(b"approved", b"app\x00roved"), id="NUL in it"),
        pytest.param(GOOD.replace(b"approved", b"app\\u0000roved"), id="escaped NUL in it"),
        pytest.param(GOOD.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(GOOD.replace(b"approved", b"\xff"), id="no UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="no payload"),
        pytest.param(b'{"payload": []}', id="a payload that is a list"),
        pytest.param(b'{"payload": {}}', id="an empty payload"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b'{"payload": ' * 100_000, id="too deep, in objects"),
        pytest.param(b"\xef\xbb\xbf" * 2 + GOOD, id="two byte order marks"),
        pytest.param(GOOD.replace(b'"approved"', b"NaN"), id="NaN"),
        pytest.param(event(action="workflow_run.completed", object={"id": RUN_ID}), id="no resource type"),
        pytest.param(event(resource_type="workflow_run", object={"id": RUN_ID}), id="no action"),
        pytest.param(event(resource_type="workflow_run", action="a" * 65, object={"id": "r"}), id="a long action"),
        pytest.param(event(resource_type="workflow_run", action="a"), id="a run without object"),
        pytest.param(event(resource_type="workflow_run", action="a", object={"id": "r" * 65}), id="a long id"),
        pytest.param(event(resource_type="workflow_run", action="a", object={"id": "\ud800"}), id="half a character"),
        pytest.param(event(resource_type="workflow_run", action="a", object={"id": "r", "status": 5}), id="no status"),
    ],
)
def test_a_body_that_is_not_an_event_is_refused_with_its_code(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        read_event(body)
    assert caught.value.code is Code.WEBHOOK_UNREADABLE
    assert caught.value.__cause__ is not None


def read_or_refuse(body: bytes) -> bool:
    try:
        return isinstance(read_event(body), Event)
    except RequestError as error:
        return error.code is Code.WEBHOOK_UNREADABLE


@given(st.binary())
def test_any_bytes_are_an_event_or_refused(body: bytes) -> None:
    assert read_or_refuse(body)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
names = st.sampled_from(
    [
        *("id", "status", "output", "workflow_run_id", "completed_at_iso8601", "updated_at", "sdk_token"),
        *("task_def_id", "tags", "reasons", "dashboard_url", "link", "url", "expires_at"),
        *("properties", "document_numbers"),
    ]
)
addresses = st.from_regex(r"https?://[\[\]a-z:/.#?@]*", fullmatch=True)  # some are none
values = st.recursive(scalars | addresses, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=10)
parts = scalars | st.dictionaries(names, values)


@given(
    st.sampled_from(["workflow_run", "workflow_task", "watchlist_monitor", "check"]) | scalars,
    st.text() | scalars,
    parts,
    parts,
)
def test_any_payload_is_an_event_or_refused(resource_type: Any, action: Any, about: Any, resource: Any) -> None:
    assert read_or_refuse(event(resource_type=resource_type, action=action, object=about, resource=resource))
