"""The processing of every request and response.

in:   the body is read ─► its own host? ─► counted ─► latency ─► throttled? ─► failed? ─► authorized? ─► the endpoint
out:  failed after? ─► dropped after? ─► X-Request-Id
"""

from __future__ import annotations

import threading
import uuid
from http import HTTPStatus

from flask import Flask, Response, abort, g, jsonify, request
from werkzeug.exceptions import HTTPException

from connector.simulator import (
    access,
    applicants,
    control,
    customers,
    errors,
    pages,
    pictures,
    run_files,
    watchlist_monitors,
    webhooks,
    workflow_runs,
)
from connector.simulator.deliveries import Sender
from connector.simulator.errors import ApiError
from connector.simulator.records import API_PATH
from connector.simulator.simulation import EXTENSION, Simulation, simulation
from connector.simulator.state import State

MAX_BODY = 1024 * 1024
DROP = "simulator.drop"  # in the WSGI environment: an event; once set, the connection closes without an answer


def create_app(state: State, sender: Sender, names: frozenset[str] = frozenset()) -> Flask:
    """Wire one simulator that answers for loopback and for these host names.

    Raises `ValueError` if the switches concern a call that does not exist.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = Simulation(state, sender, threading.Event())
    for api in (access, customers, applicants, workflow_runs, run_files, pictures, watchlist_monitors, webhooks):
        app.register_blueprint(api.blueprint, url_prefix=API_PATH)
    app.register_blueprint(run_files.storage)
    app.register_blueprint(control.blueprint)
    app.register_blueprint(pages.blueprint)
    app.before_request(read_body)
    app.before_request(lambda: access.check_host(names))
    app.before_request(enter)
    app.after_request(leave)
    app.register_error_handler(ApiError, show_error)
    app.register_error_handler(HTTPException, show_http_error)
    if not control.is_route_known(app, state.faults):
        raise ValueError(f"unknown route: {state.faults.route}")
    return app


def read_body() -> None:
    """Read the whole body, so that the connection is ready for the next request, or close the connection."""
    try:
        request.get_data()
    except HTTPException:
        g.is_body_unread = True
        raise


def enter() -> None:
    """Apply the faults that are due before the request is handled, then check the token."""
    if not request.path.startswith(f"{API_PATH}/"):
        return
    if request.url_rule:
        _pass_faults(control.route_of(request.url_rule.rule, request.method))
    access.check_token()


def _pass_faults(route: str) -> None:
    parts = simulation()
    state, faults = parts.state, parts.state.faults
    state.count(route)
    if faults.concerns("latency_ms", route):
        parts.hold_up(route, faults.latency_ms / 1000)
    if state.takes("unauthorized", route):
        raise errors.unauthorized()
    if state.takes("throttled", route):
        state.note_throttled(route)
        raise errors.throttled(faults.retry_after)
    if state.takes("failed", route):
        abort(_failure(faults.failed_status))
    g.route = route


def leave(response: Response) -> Response:
    """Apply the faults that are due after the request is handled."""
    if route := g.pop("route", None):
        state = simulation().state
        if state.takes("failed_after", route):
            response = _failure(state.faults.failed_status)
        if state.takes("dropped_after", route):
            request.environ[DROP].set()
    if g.get("is_body_unread"):
        response.headers["Connection"] = "close"
    response.headers["X-Request-Id"] = str(uuid.uuid4())
    return response


def _failure(status: int) -> Response:
    """Fail as Onfido does, or, below 500, as a proxy between the caller and Onfido."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return show_error(errors.failing(status))
    return Response(f"<html><h1>{status}</h1></html>", status, mimetype="text/html")


def show_error(error: ApiError) -> Response:
    """Show an error: as a page to people, as Onfido does to clients."""
    if pages.is_page(request.path):
        return pages.show_error(error)
    response = jsonify(error.body)
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


def show_http_error(error: HTTPException) -> Response:
    """Show errors of the web framework in the same form."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.NOT_FOUND:
        return show_error(errors.not_found("resource"))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return show_error(errors.failing(status))
    return show_error(errors.bad_request(error.description or error.name, status))
