"""`…/verifications.csv`: a provider's verifications as CSV."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g

from connector.api.attachments import CSV, csv_attachment
from connector.api.csv_lines import csv_pieces
from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.parsing import Blueprint
from connector.api.shapes.verification import VerificationFilterSchema
from connector.api.verifications import PREFIX, check_provider
from connector.domain.verifications.verification_filter import read_filter
from connector.errors import Code
from connector.services.lookup.readings import CSV_FILE, Readings
from connector.services.lookup.verifications import VerificationLookup

blueprint = Blueprint("csv", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Verifications as CSV")


@blueprint.get("/verifications.csv")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(VerificationFilterSchema, location="query")
@blueprint.response(200, {"type": "string"}, content_type=CSV, example="id,runId,userId,status\r\n…")
def export_verifications(query: dict[str, Any], provider_id: str) -> Response:
    """Return verifications as CSV, the oldest first.

    One line for each verification that matches the filters, without a limit. Cells that a spreadsheet would execute
    begin with an apostrophe.
    """
    check_provider(provider_id)
    services, criteria = current_app.extensions["services"], read_filter(query, provider_id=provider_id)
    lookup: VerificationLookup = services.lookup
    readings: Readings = services.readings
    readings.record_export(g.tenant, criteria, g.principal.actor)
    return csv_attachment(csv_pieces(lookup.export(g.tenant, criteria)), CSV_FILE)
