"""The person's part.

`/` lists the runs, their open tasks and the switches; `/link/{run}` shows a run to its user and takes its result;
`/runs/{run}` shows it as Onfido's dashboard would; `/tasks/…` completes a task.
"""

from __future__ import annotations

import json

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from connector.simulator import errors, faults, lifecycle, outcomes
from connector.simulator.errors import ApiError
from connector.simulator.reports import RESULTS
from connector.simulator.runs import ABANDONED, APPROVED, BROKEN_OFF, DECLINED, ERROR, RESULT_STATUSES, REVIEW, Run
from connector.simulator.simulation import locked, read_json, simulation
from connector.simulator.validation import Json, check
from connector.simulator.workflow_runs import TaskData

blueprint = Blueprint("pages", __name__, template_folder="templates")

SHOWN_RUNS = 100
MISSING_ROUTES = (  # of Onfido's API v3.6
    *("/signing_documents", "/live_videos", "/motion_captures", "/id_photos"),
    *("/checks", "/reports", "/extractions", "/addresses/pick", "/repeat_attempts", "/results_feedback"),
    *(f"/{kind}_electronic_signature/documents" for kind in ("qualified", "advanced", "simple")),
    "/watchlist_monitors/{monitor_id}/new_report",
)
NOT_COMPARED = "not_compared"
RUN_CHOICES = (APPROVED, DECLINED, REVIEW, ERROR)
COMPARISON_CHOICES = (*RESULTS, NOT_COMPARED)
_PREFIX = "comparison."


@blueprint.app_template_filter("to_json")
def write_json(value: object) -> str:
    """Format a value for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@blueprint.get("/")
def index() -> str:
    """List the newest runs, the open tasks and all switches."""
    with locked() as state:
        runs = list(reversed(state.runs.values()))
        sentences, values = faults.sentences(), state.faults.as_json()
        switches = [
            (name, value, sentences[name], value != faults.HEALTHY.as_json()[name]) for name, value in values.items()
        ]
        return render_template(
            "index.html",
            runs=runs[:SHOWN_RUNS],
            total=len(runs),
            waiting=[run for run in runs if run.current],
            switches=switches,
            decisions=RESULT_STATUSES,
            missing=MISSING_ROUTES,
        )


@blueprint.get("/runs/<run_id>")
def review(run_id: str) -> str:
    """Show a run as Onfido's dashboard does: all of its data, whatever its status."""
    run = _find(run_id)
    with locked():
        return render_template("run.html", run=run, whole=run.as_json(), decisions=RESULT_STATUSES)


@blueprint.get("/link/<run_id>")
def show(run_id: str) -> BaseResponse:
    """Show a run: what can be chosen, what it waits for, or how it ended; an expired link leads elsewhere."""
    run = _find(run_id)
    return _leave(run) if run.is_link_expired else make_response(_page(run))


@blueprint.post("/link/<run_id>")
def choose(run_id: str) -> BaseResponse:
    """Apply the person's choice, then redirect to the page they came from, or show the run."""
    parts, run = simulation(), _find(run_id)
    if run.is_link_expired:
        return _leave(run)
    lifecycle.choose(parts.state, parts.sender, run_id, outcomes.parse(_choice()))
    way_back = None if run.status in BROKEN_OFF else run.link.get("completed_redirect_url")
    return redirect(way_back or url_for(".show", run_id=run_id), 303)


@blueprint.post("/tasks/<run_id>/<task_id>")
def complete(run_id: str, task_id: str) -> BaseResponse:
    """Complete a task with the form's data, or decide it; then show the run."""
    parts, run = simulation(), _find(run_id)
    if decision := request.form.get("decision"):
        lifecycle.decide(parts.state, parts.sender, run_id, decision)
    else:
        data = check({"data": read_json(request.form.get("data", ""))}, TaskData())["data"]
        lifecycle.complete_task(parts.state, parts.sender, run_id, task_id, data)
    return redirect(url_for(".index") if run.is_link_expired else url_for(".show", run_id=run_id), 303)


def is_page(path: str) -> bool:
    """Whether a person looks at this path."""
    return path == "/" or path.startswith(("/link/", "/runs/", "/tasks/"))


def show_error(error: ApiError) -> Response:
    """Show the error."""
    response = make_response(render_template("error.html", error=error), error.status)
    response.headers.update(error.headers)
    return response


def _find(run_id: str) -> Run:
    with locked() as state:
        return state.run(run_id)


def _leave(run: Run) -> BaseResponse:
    if url := run.link.get("expired_redirect_url"):
        return redirect(url)
    raise errors.expired()


def _page(run: Run) -> str:
    with locked():
        presets = outcomes.default_comparisons(run.applicant)
        return render_template(
            "link.html",
            run=run,
            presets=presets,
            preset_status=outcomes.status_of(outcomes.Outcome(), presets),
            run_choices=RUN_CHOICES,
            comparison_choices=COMPARISON_CHOICES,
            decisions=RESULT_STATUSES,
        )


def _choice() -> Json:
    """Read the form: the button determines its subject, the fields are used for `choose` only."""
    action = request.form.get("action")
    if action == "abandon":
        return {"status": ABANDONED}
    if action != "choose":
        return {}
    comparisons = {
        name.removeprefix(_PREFIX): None if value == NOT_COMPARED else value
        for name, value in request.form.items()
        if name.startswith(_PREFIX)
    }
    return {"status": request.form.get("status"), "comparisons": comparisons}
