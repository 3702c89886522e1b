"""`/api/server/v1/signal-streams`: a tenant's streams as its administrators see them."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.errors import Code
from connector.services.signals.streams import Streams
from connector.signals.report_shapes import StreamListSchema, StreamReportSchema, report_body, reports_body

PREFIX = "/api/server/v1/signal-streams"

blueprint = Blueprint(
    "signal_streams", __name__, url_prefix=PREFIX, errors=PROVIDER_ERRORS, description="Streams of signals"
)


@blueprint.get("")
@blueprint.requires("internal_idvp_view")
@blueprint.response(200, StreamListSchema)
def list_streams() -> dict[str, Any]:
    """List the streams of this tenant, the oldest first.

    Receivers manage them at `/ssf/streams`. Secrets are masked.
    """
    return reports_body(_streams().reports(g.tenant), g.tenant.signals)


@blueprint.get("/<stream_id>")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.STREAM_NOT_FOUND)
@blueprint.response(200, StreamReportSchema)
def get_stream(stream_id: str) -> dict[str, Any]:
    """Return one stream.

    The attempts to push its events are at `/api/server/v1/deliveries?endpointId=…`.
    """
    return report_body(_streams().report(g.tenant, stream_id), g.tenant.signals)


def _streams() -> Streams:
    streams: Streams = current_app.extensions["services"].signal_streams
    return streams
