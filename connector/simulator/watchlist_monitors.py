"""`/v3.6/watchlist_monitors`: create, list, read, deactivate; their matches."""

from __future__ import annotations

from flask import Blueprint, g, request

from connector.simulator import errors, events
from connector.simulator.deliveries import Sender
from connector.simulator.records import Monitor, new_id, now
from connector.simulator.simulation import json_body, locked, shown
from connector.simulator.state import State, normal
from connector.simulator.validation import Input, Json, check, choice, identifier, list_of, text

blueprint = Blueprint("watchlist_monitors", __name__)


class NewMonitor(Input):
    """A monitor to be created."""

    applicant_id = identifier(required=True)
    report_name = choice("watchlist_standard", "watchlist_aml", required=True)
    tags = list_of(text(1))


class MonitorQuery(Input):
    """The filters of a list of monitors."""

    applicant_id = identifier()
    include_deleted = choice("true", "false")


class MatchesChange(Input):
    """The matches to enable and to disable."""

    enable = list_of(identifier())
    disable = list_of(identifier())


@blueprint.post("/watchlist_monitors")
def create() -> tuple[Json, int]:
    """Begin to monitor an applicant."""
    values = check(json_body(), NewMonitor())
    with locked() as state:
        monitor = Monitor(state.applicant_for(values, is_sandbox=g.is_sandbox), values)
        state.monitors[monitor.monitor_id] = monitor
        return monitor.as_json(), 201


@blueprint.get("/watchlist_monitors")
def list_all() -> Json:
    """List the monitors, or those of one applicant."""
    query = check(request.args, MonitorQuery())
    applicant_id, with_deleted = query.get("applicant_id"), query.get("include_deleted") == "true"
    with locked() as state:
        monitors = [
            monitor.as_json()
            for monitor in state.monitors.values()
            if monitor.is_sandbox is g.is_sandbox
            if applicant_id is None or monitor.applicant.applicant_id == normal(applicant_id)
            if with_deleted or not monitor.deleted_at
        ]
        return {"monitors": monitors}


@blueprint.get("/watchlist_monitors/<monitor_id>")
def read(monitor_id: str) -> Json:
    """Show a monitor, deactivated or not."""
    return shown(lambda state: state.monitor(monitor_id))


@blueprint.delete("/watchlist_monitors/<monitor_id>")
def delete(monitor_id: str) -> tuple[str, int]:
    """Deactivate a monitor."""
    with locked() as state:
        monitor = state.monitor(monitor_id)
        monitor.deleted_at = monitor.deleted_at or now()
    return "", 204


@blueprint.get("/watchlist_monitors/<monitor_id>/matches")
def list_matches(monitor_id: str) -> Json:
    """List the matches of a monitor."""
    with locked() as state:
        return state.monitor(monitor_id).matches_as_json()


@blueprint.patch("/watchlist_monitors/<monitor_id>/matches")
def change_matches(monitor_id: str) -> Json:
    """Enable and disable matches."""
    body = check(json_body(), MatchesChange())
    changes = {name: [normal(match_id) for match_id in body.get(name, ())] for name in ("enable", "disable")}
    with locked() as state:
        monitor = state.monitor(monitor_id)
        if unknown := [name for name, ids in changes.items() if set(ids) - set(monitor.matches)]:
            raise errors.invalid({name: ["must contain matches of this monitor"] for name in unknown})
        monitor.matches |= dict.fromkeys(changes["enable"], True) | dict.fromkeys(changes["disable"], False)
        return monitor.matches_as_json()


def add_matches(state: State, sender: Sender, monitor_id: str, count: int, root_url: str) -> Json:
    """Add matches to a monitor and send the event; raises `ApiError` 404, or 409 if it is deactivated."""
    with state.lock:
        monitor = state.monitor(monitor_id)
        if monitor.deleted_at:
            raise errors.conflict("The watchlist monitor was deactivated")
        monitor.matches |= {new_id(): True for _ in range(count)}
        answer = monitor.matches_as_json()
    sender.send([events.matches_updated(monitor, root_url)])
    return answer
