"""The person's part: `/` lists the runs and the switches, `/link/{run}` shows one run and takes its result."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from connector.simulator import faults, lifecycle, outcomes
from connector.simulator.errors import ApiError
from connector.simulator.reports import RESULTS
from connector.simulator.runs import ABANDONED, APPROVED, DECLINED, ERROR, REVIEW
from connector.simulator.simulation import simulation
from connector.simulator.validation import Json

blueprint = Blueprint("pages", __name__, template_folder="templates")

SHOWN_RUNS = 100
NOT_COMPARED = "not_compared"
RUN_CHOICES = (APPROVED, DECLINED, REVIEW, ERROR)
COMPARISON_CHOICES = (*RESULTS, NOT_COMPARED)
_PREFIX = "comparison."


@blueprint.get("/")
def index() -> str:
    """List the newest runs and all switches."""
    state = simulation().state
    with state.lock:
        runs = list(reversed(state.runs.values()))[:SHOWN_RUNS]
        about, values = faults.sentences(), state.faults.as_json()
        switches = [
            (name, value, about[name], value != faults.HEALTHY.as_json()[name]) for name, value in values.items()
        ]
        return render_template("index.html", runs=runs, total=len(state.runs), switches=switches)


@blueprint.get("/link/<run_id>")
def show(run_id: str) -> str:
    """Show a run: what can be chosen, or how it ended."""
    return _page(run_id)


@blueprint.post("/link/<run_id>")
def choose(run_id: str) -> BaseResponse:
    """Take the person's choice, then show the run."""
    parts = simulation()
    lifecycle.choose(parts.state, parts.sender, run_id, outcomes.parse(_choice()))
    return redirect(url_for(".show", run_id=run_id), 303)


def is_page(path: str) -> bool:
    """Whether a person looks at this path."""
    return path == "/" or path.startswith("/link/")


def show_error(error: ApiError) -> Response:
    """Say plainly what went wrong."""
    response = make_response(render_template("error.html", error=error), error.status)
    response.headers.update(error.headers)
    return response


def _page(run_id: str) -> str:
    state = simulation().state
    with state.lock:
        run = state.run(run_id)
        presets = outcomes.default_comparisons(run.applicant)
        return render_template(
            "link.html",
            run=run,
            presets=presets,
            preset_status=outcomes.status_of(outcomes.Outcome(), presets),
            run_choices=RUN_CHOICES,
            comparison_choices=COMPARISON_CHOICES,
        )


def _choice() -> Json:
    """Read the form: the button says what it is about, the fields count for `choose` alone."""
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
