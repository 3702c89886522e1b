"""Authorization of calls: any API token of the right form, or an access token that `/v3.6/oauth/token` has granted.

A token is for the sandbox or for live; a client's are for live if its id says so. Objects of one environment
are unknown in the other. Only requests for one of the simulator's own hosts are answered, which prevents DNS
rebinding.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time

from flask import Blueprint, Response, g, jsonify, request

from connector.simulator import errors
from connector.simulator.errors import ApiError
from connector.simulator.records import API_PATH
from connector.simulator.simulation import locked, simulation
from connector.simulator.state import State, normal

blueprint = Blueprint("access", __name__)

PING, OAUTH = f"{API_PATH}/ping", f"{API_PATH}/oauth/token"
_TOKEN = re.compile(r"Token token=api_(sandbox|live)\S*")
_BEARER = re.compile(r"Bearer (\S+)")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  to listen on every address; none of them can be made to lead elsewhere
_HOST = re.compile(r"(\[[^\]]+\]|[^:]*)(?::[0-9]*)?")


@blueprint.get("/ping")
def ping() -> Response:
    """Report that the region is up."""
    return Response("OK", mimetype="text/plain")


@blueprint.post("/oauth/token")
def grant() -> tuple[Response, int]:
    """Grant an access token to any client (OAuth 2 client credentials), whose secret is in the form or a header."""
    client = request.authorization or request.form
    client_id = client.get("client_id") or client.get("username")
    client_secret = client.get("client_secret") or client.get("password")
    if request.form.get("grant_type", "client_credentials") != "client_credentials":
        return _oauth_error("unsupported_grant_type", 400)
    if not client_id or not client_secret:
        return _oauth_error("invalid_client", 401)
    with locked() as state:
        token, seconds = secrets.token_urlsafe(32), state.faults.access_token_seconds
        state.access_tokens[token] = ("live" not in client_id, time.monotonic() + seconds)
    return jsonify(access_token=token, token_type="bearer", expires_in=seconds), 200  # noqa: S106


def check_host(names: frozenset[str]) -> None:
    """Refuse a request for a host that is neither loopback nor one of these names; a wildcard is every address."""
    host = request.environ.get("HTTP_HOST")
    if host is not None and not _is_own(host.lower(), names):
        raise errors.misdirected()


def check_token() -> None:
    """Set the environment of a call's token; raises `ApiError` 401 for an unknown token, 404 if it differs."""
    if request.path in (PING, OAUTH):
        return
    header, state = request.headers.get("Authorization", ""), simulation().state
    if token := _TOKEN.fullmatch(header):
        g.is_sandbox = token[1] == "sandbox"
    elif (granted := _granted(state, header)) is not None:
        g.is_sandbox = granted
    else:
        raise errors.unauthorized()
    if error := _elsewhere(state):
        raise error


def _granted(state: State, header: str) -> bool | None:
    """Return whether a granted token is for the sandbox; None if it is unknown or has expired."""
    bearer = _BEARER.fullmatch(header)
    is_sandbox, until = state.access_tokens.get(bearer[1] if bearer else "", (False, 0.0))
    return is_sandbox if time.monotonic() < until else None


def _elsewhere(state: State) -> ApiError | None:
    """Return the error for a path to an object of the other environment."""
    for name, records in (("applicant_id", state.applicants), ("run_id", state.runs), ("monitor_id", state.monitors)):
        record = records.get(normal((request.view_args or {}).get(name, "")))
        if record is not None and record.is_sandbox is not g.is_sandbox:
            return errors.not_found(name.removesuffix("_id").replace("run", "workflow run"))
    return None


def _is_own(host: str, names: frozenset[str]) -> bool:
    match = _HOST.fullmatch(host)
    name = match[1].strip("[]") if match else ""
    try:
        return name in names or ipaddress.ip_address(name).is_loopback or not names.isdisjoint(_WILDCARDS)
    except ValueError:
        return name == "localhost"


def _oauth_error(error: str, status: int) -> tuple[Response, int]:
    return jsonify(error=error), status
