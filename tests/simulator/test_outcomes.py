from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from pydantic import BaseModel

from connector.simulator.faults import Faults
from connector.simulator.server import Simulator
from tests import vendor as onfido

Json = dict[str, Any]
NewRun = Callable[..., Json]
EndRun = Callable[..., Json]

ADDRESS = {"postcode": "SW1", "country": "GBR"}


@pytest.fixture
def report_of(simulator: Simulator, http: requests.Session) -> Callable[[Json], Json | None]:
    """The output of the run's document_check task; None if it has none."""

    def read(run: Json) -> Json | None:
        tasks = f"{simulator.api_url}/workflow_runs/{run['id']}/tasks"
        for task in http.get(tasks, timeout=60).json():
            if task["task_def_id"] == "document_check":
                assert task["id"].startswith("document_check_")
                output: Json = http.get(f"{tasks}/{task['id']}", timeout=60).json()["output"]
                return output
        return None

    return read


def results(comparison: Json) -> Json:
    return {key: element["result"] for key, element in comparison["breakdown"].items()}


def test_by_default_every_value_is_clear_and_the_run_approved(new_run: NewRun, end_run: EndRun) -> None:
    run = end_run(new_run(address=ADDRESS))
    comparison = run["output"]["data_comparison"]
    assert run["status"] == "approved"
    assert results(comparison) == dict.fromkeys(("first_name", "last_name", "date_of_birth", "address"), "clear")
    assert comparison["result"] == "clear"
    assert comparison["breakdown"]["first_name"]["properties"] == {}
    assert (run["reasons"], run["error"]) == ([], None)


def test_an_applicant_named_consider_is_declined_for_the_names(new_run: NewRun, end_run: EndRun) -> None:
    run = end_run(new_run(last_name="Consider"))
    comparison = run["output"]["data_comparison"]
    assert run["status"] == "declined"
    assert results(comparison) == {"first_name": "consider", "last_name": "consider", "date_of_birth": "clear"}
    assert comparison["result"] == "consider"
    assert run["reasons"] == ["first_name_consider", "last_name_consider"]


def test_single_comparisons_are_replaced_and_added(new_run: NewRun, end_run: EndRun) -> None:
    run = end_run(new_run(), comparisons={"last_name": "unidentified", "date_of_birth": None, "gender": "clear"})
    expected = {"first_name": "clear", "last_name": "unidentified", "date_of_birth": None, "gender": "clear"}
    assert run["status"] == "approved"
    assert results(run["output"]["data_comparison"]) == expected


def test_a_chosen_consider_declines_unless_a_status_is_chosen(new_run: NewRun, end_run: EndRun) -> None:
    assert end_run(new_run(), comparisons={"first_name": "consider"})["status"] == "declined"
    assert end_run(new_run(), status="approved", comparisons={"first_name": "consider"})["status"] == "approved"


def test_the_flat_shape_holds_the_breakdown_alone(new_run: NewRun, end_run: EndRun) -> None:
    run = end_run(new_run(), shape="flat", comparisons={"date_of_birth": None})
    assert run["output"]["data_comparison"] == {
        "first_name": {"result": "clear"},
        "last_name": {"result": "clear"},
        "date_of_birth": {"result": None},
    }


def test_the_document_report_shape_holds_a_whole_report(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None]
) -> None:
    run = end_run(new_run(last_name="Consider"), shape="document_report")
    report = run["output"]["document_report"]
    assert (report["name"], report["status"], report["result"]) == ("document", "complete", "consider")
    assert results(report["breakdown"]["data_comparison"])["last_name"] == "consider"
    assert report["properties"]["last_name"] == "Doe"
    assert report_of(run) == report


def test_only_the_document_check_task_has_comparisons_without_a_shape(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None]
) -> None:
    run = end_run(new_run(), shape="none")
    report = report_of(run)
    assert (run["status"], run["output"]) == ("approved", None)
    assert report is not None
    assert results(report["breakdown"]["data_comparison"])["first_name"] == "clear"


def test_a_workflow_without_comparisons_has_no_document_check(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None]
) -> None:
    run = end_run(new_run(), comparisons=None)
    assert (run["status"], run["output"]) == ("approved", None)
    assert report_of(run) is None


REPORTS = {
    "document_report": ("document", "DocumentReport"),
    "facial_similarity_report": ("facial_similarity_photo", "FacialSimilarityPhotoReport"),
    "identity_report": ("identity_enhanced", "IdentityEnhancedReport"),
    "proof_of_address_report": ("proof_of_address", "ProofOfAddressReport"),
    "watchlist_report": ("watchlist_standard", "WatchlistStandardReport"),
}


def strangers(model: object) -> list[str]:
    """Yield the names of members that the vendor's models lack, at any depth."""
    if isinstance(model, list):
        return [name for element in model for name in strangers(element)]
    if not isinstance(model, BaseModel):
        return []
    inner = [name for field in type(model).model_fields for name in strangers(getattr(model, field))]
    return [*getattr(model, "additional_properties", {}), *inner]


def test_a_run_can_return_all_its_reports_completely(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None]
) -> None:
    run = end_run(new_run(address=ADDRESS), shape="all_reports")
    output = run["output"]
    assert set(output) == set(REPORTS)
    for name, (report_name, model_name) in REPORTS.items():
        assert (output[name]["name"], output[name]["status"], output[name]["result"]) == (
            report_name,
            "complete",
            "clear",
        )
        assert {"result", "sub_result", "breakdown", "properties"} <= set(output[name])
        assert strangers(getattr(onfido, model_name).from_dict(output[name])) == []
    assert [name for name in REPORTS if output[name]["sub_result"]] == ["document_report"]
    assert set(output["document_report"]["properties"]) >= {
        *("first_name", "last_name", "date_of_birth", "document_type", "document_numbers"),
        *("date_of_expiry", "issuing_country"),
    }
    assert report_of(run) == output["document_report"]


def test_all_reports_are_consistent_with_the_comparisons(new_run: NewRun, end_run: EndRun) -> None:
    comparisons = {"last_name": "unidentified", "date_of_birth": "clear", "address": "consider"}
    output = end_run(new_run(address=ADDRESS), shape="all_reports", comparisons=comparisons)["output"]
    document, proof, identity = (
        output[name] for name in ("document_report", "proof_of_address_report", "identity_report")
    )
    assert results(document["breakdown"]["data_comparison"]) == {
        "first_name": "clear",
        "last_name": "unidentified",
        "date_of_birth": "clear",
    }
    assert (document["result"], document["sub_result"]) == ("unidentified", "caution")
    assert results(proof["breakdown"]["data_comparison"]) == {
        "address": "consider",
        "first_name": "clear",
        "last_name": "unidentified",
    }
    assert proof["result"] == "consider"
    assert (identity["result"], identity["breakdown"]["address"]["result"]) == ("consider", "consider")
    assert identity["breakdown"]["date_of_birth"]["result"] == "clear"
    assert output["watchlist_report"]["result"] == output["facial_similarity_report"]["result"] == "clear"


def test_a_missing_address_is_not_compared(new_run: NewRun, end_run: EndRun) -> None:
    proof = end_run(new_run(), shape="all_reports")["output"]["proof_of_address_report"]
    assert results(proof["breakdown"]["data_comparison"])["address"] is None


def test_reasons_and_tags_are_chosen(new_run: NewRun, end_run: EndRun) -> None:
    run = end_run(new_run(last_name="Consider"), reasons=["too_young"], tags=["geo:usa", "geo:usa"])
    assert (run["status"], run["reasons"], run["tags"]) == ("declined", ["too_young"], ["geo:usa"])
    assert end_run(new_run(last_name="Consider"), reasons=[])["reasons"] == []


def test_a_run_has_at_most_a_hundred_tags(
    simulator: Simulator, http: requests.Session, new_run: NewRun, end_run: EndRun
) -> None:
    first = new_run()
    body = {"workflow_id": first["workflow_id"], "applicant_id": first["applicant_id"], "tags": ["mine"]}
    run = http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60).json()
    tags = [str(number) for number in range(100)]
    answer = http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={"tags": tags}, timeout=60)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["tags"])
    assert end_run(run, tags=tags[1:])["tags"] == ["mine", *tags[1:]]


@pytest.mark.parametrize("output", [{}, [], None, "text", [{"data_comparison": 1}], 5])
def test_any_output_can_be_chosen(new_run: NewRun, end_run: EndRun, output: object) -> None:
    assert end_run(new_run(), output=output, shape="flat")["output"] == output


def test_the_default_shape_is_a_switch_and_a_constructor_argument(
    new_run: NewRun, end_run: EndRun, set_faults: Callable[..., Json], http: requests.Session
) -> None:
    set_faults(output_shape="flat")
    assert "breakdown" not in end_run(new_run())["output"]["data_comparison"]
    assert end_run(new_run(), shape="none")["output"] is None
    with Simulator(faults=Faults(output_shape="none")) as other:  # type: ignore[arg-type]  # as a script gives it
        assert http.get(f"{other.url}/simulator/faults", timeout=60).json()["output_shape"] == "none"


@pytest.mark.parametrize("status", ["abandoned", "error"])
def test_an_interrupted_run_compares_nothing(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None], status: str
) -> None:
    run = end_run(new_run(), status=status)
    assert (run["status"], run["output"], run["sdk_token"]) == (status, None, None)
    assert (run["error"] is not None) == (status == "error")
    assert report_of(run) is None


@pytest.mark.parametrize("status", ["processing", "awaiting_client_input", "escalated"])
def test_an_open_status_leaves_the_run_open(new_run: NewRun, end_run: EndRun, status: str) -> None:
    run = end_run(new_run(), status=status)
    assert (run["status"], run["output"]) == (status, None)
    assert run["sdk_token"]
    assert end_run(run)["status"] == "approved"


def test_an_ended_run_does_not_change(
    simulator: Simulator, http: requests.Session, new_run: NewRun, end_run: EndRun
) -> None:
    run = end_run(new_run(), status="review")
    answer = http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={"status": "approved"}, timeout=60)
    assert answer.status_code == 409
    assert http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=60).json() == run


def test_an_unknown_run_has_no_outcome(simulator: Simulator, http: requests.Session) -> None:
    assert http.post(f"{simulator.url}/simulator/runs/none/outcome", json={}, timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", ""),
        ("status", None),
        ("comparisons", []),
        ("comparisons", {"first_name": "maybe"}),
        ("comparisons", {"": "clear"}),
        ("shape", "round"),
        ("colour", "red"),
        ("reasons", "odd"),
        ("reasons", [""]),
        ("tags", ["x" * 129]),
        ("tags", [1]),
    ],
)
def test_an_invalid_outcome_is_refused_and_changes_nothing(
    simulator: Simulator, http: requests.Session, new_run: NewRun, field: str, value: Any
) -> None:
    run = new_run()
    answer = http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={field: value}, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]
    assert http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=60).json() == run
