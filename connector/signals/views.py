"""Shared parts of the transmitter's views: errors, bodies, caller and issuer."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Blueprint, current_app, g

from connector.access.gate import AccessDenied
from connector.api.errors import PROVIDER_ERRORS, refuse
from connector.api.parsing import read_body, read_json
from connector.domain.signals import Receiver
from connector.services.signals.streams import Streams

MANAGE, READ = "ssf.manage", "ssf.read"  # scopes


class SignalBlueprint(Blueprint):
    """A blueprint whose errors have the providers' codes."""

    errors = PROVIDER_ERRORS


def read(schema: ma.Schema) -> Any:
    """Read the request's body; unknown members are ignored, as the framework requires."""
    try:
        return schema.load(read_json(read_body()), unknown=ma.EXCLUDE)
    except ma.ValidationError as error:
        refuse("json", error.messages)


def receiver() -> Receiver:
    """Return the client of the caller's token; raise `AccessDenied` if the token names none."""
    client_id = g.principal.application
    if client_id is None:
        raise AccessDenied(403, "The token must name its client: streams belong to clients.", {})
    return Receiver(g.principal.issuer, client_id)


def streams() -> Streams:
    """Return the use case for streams."""
    known: Streams = current_app.extensions["services"].signal_streams
    return known


def issuer() -> str:
    """Return the tenant's issuer."""
    return str(current_app.config["PUBLIC_URL"]) + str(g.tenant.path)
