"""Onfido's JSON: applicants written, runs and comparisons read, whatever their shape."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.runs import Comparison, RunSnapshot
from connector.onfido.payloads import applicant_fields, newest_document_check, run_snapshot
from connector.onfido.reading import UnreadableError, read_json
from connector.onfido.reports import MAX_DEPTH, comparisons

CLEAR, CONSIDER, UNIDENTIFIED, NOT_COMPARED = (
    Comparison.CLEAR,
    Comparison.CONSIDER,
    Comparison.UNIDENTIFIED,
    Comparison.NOT_COMPARED,
)

keys = st.sampled_from(["first_name", "last_name", "date_of_birth", "document_numbers"])
findings = st.dictionaries(keys, st.sampled_from(["clear", "consider", "unidentified", None]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children)
        | st.dictionaries(st.sampled_from(["data_comparison", "breakdown", "result", "first_name"]), children)
    ),
    max_leaves=15,
)


def flat(found: dict[str, Any]) -> dict[str, Any]:
    return {key: {"result": result} for key, result in found.items()}


def report(found: dict[str, Any]) -> dict[str, Any]:
    breakdown = {key: {"result": result, "properties": {}} for key, result in found.items()}
    return {"result": "clear", "breakdown": breakdown}


def test_dotted_applicant_fields_are_nested() -> None:
    values = {"first_name": "Ann", "address.postcode": "S2 2DF", "address.country": "GBR", "dob": "1990-01-31"}
    nested = {"first_name": "Ann", "address": {"postcode": "S2 2DF", "country": "GBR"}, "dob": "1990-01-31"}
    assert applicant_fields(values) == nested


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (None, None),
        ("text", None),
        ([], None),
        ({"result": "clear"}, None),
        ({"data_comparison": None}, None),
        ({"data_comparison": "clear"}, None),
        ({"data_comparison": {}}, {}),
        ({"data_comparison": {"result": None, "breakdown": None}}, {}),
        ({"data_comparison": {"result": "clear", "properties": {}}}, {}),
        ({"data_comparison": flat({"first_name": "clear"})}, {"first_name": CLEAR}),
        ({"data_comparison": report({"first_name": "consider"})}, {"first_name": CONSIDER}),
        (
            {"data_comparison": {"first_name": "clear", "last_name": None}},
            {"first_name": CLEAR, "last_name": NOT_COMPARED},
        ),
        (
            {"data_comparison": flat({"gender": "perhaps", "dob": ["clear"]})},
            {"gender": NOT_COMPARED, "dob": NOT_COMPARED},
        ),
        (
            [{"document": {"breakdown": {"data_comparison": report({"address": "unidentified"})}}}],
            {"address": UNIDENTIFIED},
        ),
    ],
)
def test_a_comparison_is_found_wherever_it_is_and_in_either_shape(
    output: object, expected: dict[str, Comparison] | None
) -> None:
    assert comparisons(output) == expected


def test_of_several_comparisons_the_worst_wins() -> None:
    document = report({"first_name": "clear", "last_name": "unidentified", "gender": None, "issuing_country": "clear"})
    address = flat({"first_name": "consider", "last_name": "clear", "gender": "clear", "address": "clear"})
    output = {"document": {"data_comparison": document}, "proof_of_address": {"data_comparison": address}}
    assert comparisons(output) == {
        "first_name": CONSIDER,
        "last_name": UNIDENTIFIED,
        "gender": CLEAR,
        "issuing_country": CLEAR,
        "address": CLEAR,
    }


def test_what_lies_too_deep_is_not_searched_and_what_lies_above_is_found() -> None:
    output: object = {"data_comparison": flat({"first_name": "clear"})}
    for _ in range(MAX_DEPTH):
        output = [output]
    assert comparisons(output) is None
    for _ in range(50_000):
        output = {"deeper": output}
    assert comparisons({"deep": output, "data_comparison": flat({"last_name": "clear"})}) == {"last_name": CLEAR}


def test_a_broad_output_is_searched_level_by_level() -> None:
    output = {"many": [[{}] * 10] * 20_000, "data_comparison": flat({"last_name": "clear"})}
    assert comparisons(output) == {"last_name": CLEAR}


@given(json_values)
def test_no_output_is_too_strange(output: object) -> None:
    assert comparisons(output) is None or comparisons(output) == comparisons([output])


@given(findings)
def test_both_shapes_say_the_same(found: dict[str, Any]) -> None:
    expected = {key: Comparison(result or "not_compared") for key, result in found.items()}
    assert comparisons({"data_comparison": flat(found)}) == expected
    assert comparisons({"data_comparison": report(found)}) == expected
    assert comparisons({"data_comparison": found}) == expected


@given(st.lists(findings, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_comparisons_does_not_matter(several: list[dict[str, Any]], order: random.Random) -> None:
    output = [{"data_comparison": flat(found)} for found in several]
    merged = comparisons(output)
    order.shuffle(output)
    assert comparisons(output) == merged


def test_a_run_is_read_with_all_that_is_known_of_it() -> None:
    body = {
        "id": "run-1",
        "status": " approved ",
        "output": {"data_comparison": flat({"first_name": "clear"})},
        "applicant_id": "applicant-1",
        "workflow_id": "workflow-1",
        "sdk_token": None,
        "updated_at": "2026-03-01T12:00:00+02:00",
    }
    assert run_snapshot(body) == RunSnapshot(
        run_id="run-1",
        status="approved",
        comparisons={"first_name": CLEAR},
        completed_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
        applicant_id="applicant-1",
        workflow_id="workflow-1",
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
def test_a_time_of_completion_is_aware_utc_or_none(times: dict[str, Any], expected: datetime | None) -> None:
    completed_at = run_snapshot({"id": "run-1", "status": "declined", **times}).completed_at
    assert completed_at == (expected and expected.replace(tzinfo=UTC))
    assert completed_at is None or completed_at.utcoffset() == timedelta(0)


def test_an_open_run_is_not_completed() -> None:
    run = run_snapshot({"id": "run-1", "status": "processing", "updated_at": "2026-03-02T10:00:00Z"})
    assert run.completed_at is None


def test_a_status_nobody_knows_is_kept_up_to_its_limit() -> None:
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


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf{}", b"\xff", b"NaN", b"[-Infinity]", b"[" * 100_000, b"9" * 5000])
def test_only_strict_json_is_read(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_json(body)
