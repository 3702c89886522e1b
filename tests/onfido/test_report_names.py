"""The reports in a workflow's output that are evidence: those that were clear, by name."""

from __future__ import annotations

from typing import Any

import pytest

from connector.onfido.payloads import run_snapshot, with_document_check
from connector.onfido.report_names import clear_reports
from connector.simulator.reports import all_reports

CLEAR = {"first_name": "clear", "last_name": "clear", "address": "clear", "date_of_birth": "clear"}


def report(name: object, result: object = "clear") -> dict[str, Any]:
    return {"name": name, "result": result, "breakdown": {}}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([report("document")], ("document",)),
        ([report("facial_similarity_motion"), report("document")], ("document", "facial_similarity_motion")),
        ([report("document", "consider")], ()),
        ([report("document"), report("document", "consider")], ()),
        ([report("document"), report("document")], ("document",)),
        ([report("document", None)], ()),
        ([report("document", {"result": "clear"})], ()),
        ([report(["document"]), report(None), {}], ()),
        ([report(name) for name in ("watchlist_standard", "watchlist_aml", "known_faces", "device_intelligence")], ()),
        ([report("Ann Example")], ()),
    ],
)
def test_only_clear_reports_that_are_evidence_are_named(
    objects: list[dict[str, Any]], expected: tuple[str, ...]
) -> None:
    assert clear_reports(objects) == expected


def test_reports_are_found_in_an_output_and_in_the_document_check() -> None:
    body = {"id": "run-1", "status": "approved", "output": {"reports": [all_reports(CLEAR)]}}
    found = ("document", "facial_similarity_photo", "identity_enhanced", "proof_of_address")
    run = run_snapshot(body)
    assert run.reports == found
    assert run_snapshot(body | {"output": {"any": "thing"}}).reports == ()
    without = run_snapshot(body | {"output": {"face": report("facial_similarity_video")}})
    checked = with_document_check(without, "document_check_1", report("document"))
    assert checked.reports == ("document", "facial_similarity_video")
    assert with_document_check(run, None, None).reports == found
