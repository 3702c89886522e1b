"""`/simulator/…`: the switches, the state and the outcome of a run, for scripts and tests; nothing here is Onfido's."""

from __future__ import annotations

from flask import Blueprint, Flask, current_app

from connector.simulator import errors, lifecycle, outcomes
from connector.simulator.faults import ANY, Faults
from connector.simulator.records import API_PATH
from connector.simulator.simulation import json_body, simulation
from connector.simulator.validation import Json

blueprint = Blueprint("control", __name__, url_prefix="/simulator")


@blueprint.get("/state")
def read_state() -> Json:
    """Show what the simulator holds and was asked."""
    return simulation().state.as_json()


@blueprint.post("/reset")
def reset() -> tuple[str, int]:
    """Forget everything, webhooks included, and put the switches back."""
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
            raise errors.invalid({"route": ["is unknown"]})
        state.faults = faults
        return faults.as_json()


@blueprint.post("/runs/<run_id>/outcome")
def choose_outcome(run_id: str) -> Json:
    """End a run as asked and show it."""
    parts = simulation()
    return lifecycle.choose(parts.state, parts.sender, run_id, outcomes.parse(json_body()))


def route_of(rule: str, method: str) -> str:
    """Name an API call as the switches do, such as `GET /applicants/{applicant_id}`."""
    return f"{method} {rule.removeprefix(API_PATH).replace('<', '{').replace('>', '}')}"


def is_route_known(app: Flask, faults: Faults) -> bool:
    """Whether the switches concern an API call that exists."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(API_PATH)]
    return faults.route in {ANY, *(route_of(rule.rule, method) for rule in rules for method in rule.methods or ())}
