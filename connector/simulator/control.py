"""`/simulator/…`: the switches, the state and the outcome of a run, for scripts and tests; nothing here is Onfido's."""

from __future__ import annotations

from flask import Blueprint, Flask, current_app

from connector.simulator import errors, lifecycle, outcomes, watchlist_monitors, workflows
from connector.simulator.customers import BIOMETRIC_TOKEN, PASSKEY
from connector.simulator.faults import ANY, Faults
from connector.simulator.records import API_PATH, Belonging
from connector.simulator.simulation import json_body, root_url, simulation
from connector.simulator.state import normal
from connector.simulator.validation import ClosedInput, Input, Json, check, choice, identifier, integer, text

_BELONGINGS = {"passkeys": (PASSKEY, "ACTIVE"), "biometric_tokens": (BIOMETRIC_TOKEN, "approved")}


class WorkflowPath(Input):
    """The id of a workflow."""

    workflow_id = identifier()


class Decision(ClosedInput):
    """A manual decision."""

    outcome = text(1, 64, required=True)


class NewMatches(ClosedInput):
    """The number of matches to add to a monitor."""

    count = integer(1, 100)


class CustomerObjects(ClosedInput):
    """The number of objects to add to a customer, and their environment."""

    passkeys = integer(0, 100)
    biometric_tokens = integer(0, 100)
    environment = choice("sandbox", "live")


blueprint = Blueprint("control", __name__, url_prefix="/simulator")


@blueprint.get("/state")
def read_state() -> Json:
    """Show the simulator's records and the requests so far."""
    return simulation().state.as_json()


@blueprint.post("/reset")
def reset() -> tuple[str, int]:
    """Delete all records, webhooks included, and reset the switches."""
    parts = simulation()
    parts.sender.clear()
    parts.state.reset()
    return "", 204


@blueprint.get("/faults")
def read_faults() -> Json:
    """Show the switches."""
    return simulation().state.faults.as_json()


@blueprint.patch("/faults")
def change_faults() -> Json:
    """Set the switches that are sent."""
    values, state = json_body(), simulation().state
    with state.lock:
        faults = state.faults.changed(values)
        if not is_route_known(current_app, faults):
            raise errors.invalid({"route": ["must be * or an API call such as POST /workflow_runs"]})
        state.change_faults(faults)
        return faults.as_json()


@blueprint.post("/runs/<run_id>/outcome")
def choose_outcome(run_id: str) -> Json:
    """End a run with the requested outcome and show it."""
    parts = simulation()
    return lifecycle.choose(parts.state, parts.sender, run_id, outcomes.parse(json_body()))


@blueprint.post("/runs/<run_id>/decide")
def decide(run_id: str) -> Json:
    """Make the manual decision that a run waits for and show the run."""
    parts = simulation()
    decision = check(json_body(), Decision())["outcome"]
    return lifecycle.decide(parts.state, parts.sender, run_id, decision)


@blueprint.put("/workflows/<workflow_id>")
def put_workflow(workflow_id: str) -> Json:
    """Replace a workflow's rules; they apply to new runs."""
    check({"workflow_id": workflow_id}, WorkflowPath())
    workflow, state = workflows.parse(json_body()), simulation().state
    with state.lock:
        state.workflows[normal(workflow_id)] = workflow
    return workflow.as_json()


@blueprint.post("/watchlist_monitors/<monitor_id>/matches")
def add_matches(monitor_id: str) -> Json:
    """Add matches to a monitor and return all of its matches."""
    parts = simulation()
    count = check(json_body(), NewMatches()).get("count", 1)
    return watchlist_monitors.add_matches(parts.state, parts.sender, monitor_id, count, root_url())


@blueprint.post("/customers/<user_id>")
def add_belongings(user_id: str) -> Json:
    """Add passkeys and biometric tokens to a customer, and return how many of each there are."""
    body, state = check(json_body(), CustomerObjects()), simulation().state
    owner = (user_id.replace("%2F", "/"), body.get("environment") != "live")
    with state.lock:
        for name, (kind, status) in _BELONGINGS.items():
            added = [Belonging(kind, owner, status) for _ in range(body.get(name, 0))]
            state.belongings |= {each.identifier: each for each in added}
        kinds = [each.kind for each in state.belongings.values() if each.owner == owner]
    return {name: kinds.count(kind) for name, (kind, _) in _BELONGINGS.items()}


def route_of(rule: str, method: str) -> str:
    """Return an API call's name in the switches, such as `GET /applicants/{applicant_id}`."""
    return f"{method} {rule.removeprefix(API_PATH).replace('<', '{').replace('>', '}')}"


def is_route_known(app: Flask, faults: Faults) -> bool:
    """Whether the switches concern an API call that exists."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(API_PATH)]
    return faults.route in {ANY, *(route_of(rule.rule, method) for rule in rules for method in rule.methods or ())}
