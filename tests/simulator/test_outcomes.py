from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from connector.simulator.faults import Faults
from connector.simulator.server import Simulator

Json = dict[str, Any]
NewRun = Callable[..., Json]
EndRun = Callable[..., Json]

ADDRESS = {"postcode": "SW1", "country": "GBR"}


@pytest.fixture
def report_of(simulator: Simulator, http: requests.Session) -> Callable[[Json], Json | None]:
    """The output of the run's document_check task; None where it has none."""

    def read(run: Json) -> Json | None:
        tasks = f"{simulator.api_url}/workflow_runs/{run['id']}/tasks"
        for task in http.get(tasks, timeout=5).json():
            if task["task_def_id"] == "document_check":
                assert task["id"].startswith("document_check_")
                output: Json = http.get(f"{tasks}/{task['id']}", timeout=5).json()["output"]
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


def test_a_chosen_consider_declines_unless_the_status_is_chosen_too(new_run: NewRun, end_run: EndRun) -> None:
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


def test_with_no_shape_only_the_document_check_task_tells(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None]
) -> None:
    run = end_run(new_run(), shape="none")
    report = report_of(run)
    assert (run["status"], run["output"]) == ("approved", None)
    assert report is not None
    assert results(report["breakdown"]["data_comparison"])["first_name"] == "clear"


def test_a_workflow_that_compares_nothing_has_no_document_check(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None]
) -> None:
    run = end_run(new_run(), comparisons=None)
    assert (run["status"], run["output"]) == ("approved", None)
    assert report_of(run) is None


@pytest.mark.parametrize("output", [{}, [], None, "text", [{"data_comparison": 1}], 5])
def test_any_output_can_be_had(new_run: NewRun, end_run: EndRun, output: object) -> None:
    assert end_run(new_run(), output=output, shape="flat")["output"] == output


def test_the_default_shape_is_a_switch_and_a_constructor_argument(
    new_run: NewRun, end_run: EndRun, set_faults: Callable[..., Json], http: requests.Session
) -> None:
    set_faults(output_shape="flat")
    assert "breakdown" not in end_run(new_run())["output"]["data_comparison"]
    assert end_run(new_run(), shape="none")["output"] is None
    with Simulator(faults=Faults(output_shape="none")) as other:  # type: ignore[arg-type]  # as a script gives it
        assert http.get(f"{other.url}/simulator/faults", timeout=5).json()["output_shape"] == "none"


@pytest.mark.parametrize("status", ["abandoned", "error"])
def test_a_run_that_breaks_off_compares_nothing(
    new_run: NewRun, end_run: EndRun, report_of: Callable[[Json], Json | None], status: str
) -> None:
    run = end_run(new_run(), status=status)
    assert (run["status"], run["output"], run["sdk_token"]) == (status, None, None)
    assert (run["error"] is not None) == (status == "error")
    assert report_of(run) is None


@pytest.mark.parametrize("status", ["processing", "awaiting_client_input", "escalated"])
def test_a_status_that_ends_nothing_leaves_the_run_open(new_run: NewRun, end_run: EndRun, status: str) -> None:
    run = end_run(new_run(), status=status)
    assert (run["status"], run["output"]) == (status, None)
    assert run["sdk_token"]
    assert end_run(run)["status"] == "approved"


def test_an_ended_run_stays_as_it_is(
    simulator: Simulator, http: requests.Session, new_run: NewRun, end_run: EndRun
) -> None:
    run = end_run(new_run(), status="review")
    answer = http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={"status": "approved"}, timeout=5)
    assert answer.status_code == 409
    assert http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=5).json() == run


def test_an_unknown_run_has_no_outcome(simulator: Simulator, http: requests.Session) -> None:
    assert http.post(f"{simulator.url}/simulator/runs/none/outcome", json={}, timeout=5).status_code == 404


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
    ],
)
def test_an_outcome_that_means_nothing_is_refused_and_changes_nothing(
    simulator: Simulator, http: requests.Session, new_run: NewRun, field: str, value: Any
) -> None:
    run = new_run()
    answer = http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={field: value}, timeout=5)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]
    assert http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=5).json() == run
