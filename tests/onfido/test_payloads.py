"""Onfido's JSON: writing applicants, and reading runs and tasks of any shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.studio.capture import LinkOptions
from connector.domain.studio.workflow_run import Comparison, RunSnapshot
from connector.errors import Code, RequestError
from connector.onfido.payloads import applicant_fields, link_fields, newest_document_check, run_snapshot
from connector.onfido.reading import UnreadableError, read_json

REPORT = {"properties": {"document_type": "passport"}}
RUN = {"id": "run-1", "status": "approved"}


def test_dotted_applicant_fields_become_nested_objects() -> None:
    values = {"first_name": "Ann", "address.postcode": "S2 2DF", "address.country": "GBR", "dob": "1990-01-31"}
    nested = {"first_name": "Ann", "address": {"postcode": "S2 2DF", "country": "GBR"}, "dob": "1990-01-31"}
    assert applicant_fields(values) == nested


def test_id_numbers_are_a_list_by_type_and_contain_their_state() -> None:
    values = {
        "id_numbers.driving_licence.state_code": "CA",
        "id_numbers.passport": "999999999",
        "id_numbers.driving_licence": "D1234567",
    }
    assert applicant_fields(values) == {
        "id_numbers": [
            {"type": "driving_licence", "value": "D1234567", "state_code": "CA"},
            {"type": "passport", "value": "999999999"},
        ]
    }


def test_a_state_without_its_id_number_is_not_sent() -> None:
    assert applicant_fields({"id_numbers.driving_licence.state_code": "CA", "first_name": "Ann"}) == {
        "first_name": "Ann"
    }


def test_consents_are_a_list_of_flags() -> None:
    values = {"consents.privacy_notices_read": "True", "consents.ssn_verification": " FALSE "}
    assert applicant_fields(values) == {
        "consents": [
            {"name": "privacy_notices_read", "granted": True},
            {"name": "ssn_verification", "granted": False},
        ]
    }


@pytest.mark.parametrize("value", ["yes", "1", "", "truely"])
def test_a_consent_that_is_not_a_boolean_is_never_taken_for_one(value: str) -> None:
    with pytest.raises(RequestError) as caught:
        applicant_fields({"consents.privacy_notices_read": value})
    assert caught.value.code is Code.APPLICANT_REFUSED
    assert caught.value.description == "consents.privacy_notices_read: the user's value must be true or false."


def test_only_the_chosen_options_of_a_link_are_sent() -> None:
    assert link_fields(None) == link_fields(LinkOptions()) == {}
    assert link_fields(LinkOptions(language="fr_FR")) == {"language": "fr_FR"}
    until = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    assert link_fields(LinkOptions(expires_at=until)) == {"expires_at": "2026-01-01T00:30:00Z"}


def test_a_run_is_read_with_all_known_members() -> None:
    body: dict[str, Any] = {
        "id": "run-1",
        "status": " approved ",
        "output": {"data_comparison": {"first_name": {"result": "clear"}}, "report": REPORT},
        "reasons": ["document_expired"],
        "tags": ["geo:usa"],
        "dashboard_url": "https://dashboard.onfido.com/results/run-1",
        "link": {"url": "https://eu.onfido.app/l/run-1", "expires_at": "2026-03-08T10:00:00Z"},
        "applicant_id": "applicant-1",
        "workflow_id": "workflow-1",
        "sdk_token": None,
        "updated_at": "2026-03-01T12:00:00+02:00",
    }
    assert run_snapshot(body) == RunSnapshot(
        run_id="run-1",
        status="approved",
        comparisons={"first_name": Comparison.CLEAR},
        places={"first_name": "/data_comparison"},
        completed_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
        output=body["output"],
        reasons=("document_expired",),
        tags=("geo:usa",),
        document={"document_type": "passport"},
        dashboard_url="https://dashboard.onfido.com/results/run-1",
        link_url="https://eu.onfido.app/l/run-1",
        link_expires_at=datetime(2026, 3, 8, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (
            {"completed_at_iso8601": "2026-03-01T10:00:00Z", "updated_at": "2026-03-02T10:00:00Z"},
            datetime(2026, 3, 1, 10),
        ),
        ({"completed_at_iso8601": None, "updated_at": "2026-03-02T10:00:00"}, datetime(2026, 3, 2, 10)),
        ({"completed_at_iso8601": "yesterday"}, None),
        ({"completed_at_iso8601": 1772359200}, None),
        ({"updated_at": "0001-01-01T00:00:00+14:00"}, None),
        ({}, None),
    ],
)
def test_a_time_of_completion_is_aware_utc_or_missing(times: dict[str, Any], expected: datetime | None) -> None:
    completed_at = run_snapshot({"id": "run-1", "status": "declined", **times}).completed_at
    assert completed_at == (expected and expected.replace(tzinfo=UTC))
    assert completed_at is None or completed_at.utcoffset() == timedelta(0)


def test_an_open_run_is_not_completed() -> None:
    run = run_snapshot({"id": "run-1", "status": "processing", "updated_at": "2026-03-02T10:00:00Z"})
    assert run.completed_at is None


def test_an_unknown_status_is_kept_up_to_its_maximum_length() -> None:
    assert run_snapshot({"id": "run-1", "status": "on_hold"}).status == "on_hold"
    assert run_snapshot({"id": "run-1", "status": "s" * 500}).status == "s" * 64


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"id": "run-1"},
        {"status": "approved"},
        {"id": 7, "status": "approved"},
        {"id": "run-1", "status": 7},
        {"id": "run-1", "status": "  "},
        {"id": "run\x00", "status": "approved"},
        {"id": "r" * 65, "status": "approved"},
        {"id": "run-1", "status": "\ud800"},
    ],
)
def test_a_run_without_a_usable_id_and_status_is_unreadable(body: object) -> None:
    with pytest.raises(UnreadableError):
        run_snapshot(body)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (None, ()),
        ("expired", ()),
        ({"expired": 1}, ()),
        ([None, 7, ["nested"], "", " ", "\x00"], ()),
        (["expired", 7, "  two\r\nlines\x00here "], ("expired", "two lines here")),
        (["x" * 299 + " y", "\ud800half"], ("x" * 299, "half")),
        ([None] * 100 + [str(number) for number in range(100)], tuple(str(number) for number in range(50))),
    ],
)
def test_reasons_are_single_lines_and_limited_in_number(reasons: object, expected: tuple[str, ...]) -> None:
    assert run_snapshot({**RUN, "reasons": reasons}).reasons == expected


def test_a_reason_of_endless_marks_is_shortened_before_it_is_composed() -> None:
    """Composing it would take an hour, in which no other thread runs."""
    [reason] = run_snapshot({**RUN, "reasons": ["a" + "\u0300\u0316" * 1_000_000]}).reasons
    assert reason.startswith("\xe0")
    assert len(reason) < 1000


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (None, ()),
        ("tag", ()),
        ([7, "", "t" * 129, "a\nb", "t" * 128, "geo:usa"], ("t" * 128, "geo:usa")),
        ([str(number) for number in range(200)], tuple(str(number) for number in range(100))),
    ],
)
def test_tags_are_complete_or_left_out_and_limited_in_number(tags: object, expected: tuple[str, ...]) -> None:
    assert run_snapshot({**RUN, "tags": tags}).tags == expected


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://dashboard.onfido.com/results/1?a=b#c", True),
        ("http://127.0.0.1:8090/runs/1", True),
        ("https://" + "d" * 2040, True),
        ("https://" + "d" * 2041, False),
        ("javascript:alert(1)", False),
        ("//dashboard.onfido.com", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://dash board.example", False),
        ("https://dash\nboard.example", False),
        ("", False),
        (7, False),
        (None, False),
    ],
)
def test_only_an_address_that_a_browser_may_open_is_read(url: object, *, is_kept: bool) -> None:
    run = run_snapshot({**RUN, "dashboard_url": url, "link": {"url": url}})
    assert (run.dashboard_url, run.link_url) == ((url, url) if is_kept else (None, None))


@given(st.text() | st.from_regex(r"https?://[\w\[\]:/.#?@ ]*", fullmatch=True))
def test_any_text_is_read_as_an_address_or_left_out(url: str) -> None:
    found = run_snapshot({**RUN, "dashboard_url": url}).dashboard_url
    assert found is None or urlsplit(found).hostname


@pytest.mark.parametrize("link", [None, [], "https://eu.onfido.app", {}, {"url": None, "expires_at": 7}])
def test_a_run_may_be_without_a_link(link: object) -> None:
    run = run_snapshot({**RUN, "link": link})
    assert (run.link_url, run.link_expires_at) == (None, None)


def test_personal_values_are_not_in_the_repr() -> None:
    report = {"properties": {"document_type": "passport", "last_name": "Smith"}}
    assert "Smith" not in repr(run_snapshot({**RUN, "output": {"name": "Smith", "report": report}}))


def check(task_id: object, created_at: object = None, updated_at: object = None) -> dict[str, Any]:
    return {"id": task_id, "task_def_id": "document_check", "created_at": created_at, "updated_at": updated_at}


EARLY, NOON, LATE = "2026-03-01T09:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01T12:30:00Z"


@pytest.mark.parametrize(
    ("tasks", "newest"),
    [
        pytest.param([], None, id="no task"),
        pytest.param(["text", None, {"id": "photo_1", "task_def_id": "document_photo"}], None, id="no document check"),
        pytest.param([check("a")], "a", id="a single one"),
        pytest.param([check("a", EARLY), check("b", LATE), check("c", NOON)], "b", id="by creation, zones heeded"),
        pytest.param([check("a", NOON, EARLY), check("b", EARLY, LATE)], "a", id="creation before update"),
        pytest.param([check("a", NOON, LATE), check("b", NOON, EARLY)], "a", id="then by update"),
        pytest.param([check("a", LATE, LATE), check("b", EARLY, LATE), check("c", LATE, LATE)], "c", id="a tie"),
        pytest.param([check("a", LATE), check("b", LATE), check("c", EARLY)], "b", id="a tie without updates"),
        pytest.param([check("a"), check("b")], "b", id="no times"),
        pytest.param([check("a", LATE), check("b", EARLY), check("c", "soon")], "c", id="a time that is none"),
        pytest.param([check("a", NOON, LATE), check("b", NOON, 7)], "b", id="an update that is none"),
        pytest.param([check("a", EARLY), check(None, LATE)], None, id="the newest cannot be asked"),
    ],
)
def test_the_newest_document_check_is_found(tasks: list[object], newest: str | None) -> None:
    assert newest_document_check(tasks) == newest


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"\xff", b"NaN", b"[-Infinity]", b"[" * 100_000, b"0" * 5000])
def test_only_strict_json_is_read(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_json(body)


def test_a_number_too_large_for_a_float_is_read_as_missing() -> None:
    body = b'{"id": "run-1", "status": "approved", "output": {"score": 1e999, "rest": 1.5}}'
    assert run_snapshot(read_json(body)).output == {"score": None, "rest": 1.5}
