"""`/api/server/v1/audit`: requests of people, and refusals, for auditors."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g

from connector.api.attachments import CSV, csv_attachment
from connector.api.audit_csv import audit_pieces
from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.parsing import Blueprint
from connector.api.shapes.audit import AuditFilterSchema, AuditPageSchema, AuditQuerySchema, audit_body
from connector.domain.audit.audit_filter import read_audit_filter
from connector.services.lookup.audit import Audit
from connector.services.lookup.readings import AUDIT_FILE, Readings

blueprint = Blueprint(
    "audit", __name__, url_prefix="/api/server/v1", errors=PROVIDER_ERRORS, description="The audit trail"
)


SCOPES = ("internal_idv_audit_view", "internal_idv_claim_view")  # either is sufficient


@blueprint.get("/audit")
@blueprint.requires(*SCOPES)
@blueprint.arguments(AuditQuerySchema, location="query")
@blueprint.response(200, AuditPageSchema)
def list_audit_entries(query: dict[str, Any]) -> dict[str, Any]:
    """List requests of people, and refusals, the latest first.

    Erasures, administrators' changes and decisions, readings of personal data, tasks that applications completed, and
    refusals, of this tenant. All given filters must match; with `object` the list contains the latest entries about
    that object. For the next page, send `nextCursor` as `cursor`.
    """
    page = _audit().page(g.tenant, read_audit_filter(query), limit=query["limit"], cursor=query["cursor"])
    return audit_body(page)


@blueprint.get("/audit.csv")
@blueprint.requires(*SCOPES, lasting=Lasting.DOWNLOAD)
@blueprint.arguments(AuditFilterSchema, location="query")
@blueprint.response(200, {"type": "string"}, content_type=CSV, example="at,actor,subject,name,to\r\n…")
def export_audit_entries(query: dict[str, Any]) -> Response:
    """Return entries of the audit trail as CSV, the latest first.

    One line for each entry that matches the filters, without a limit. The export is recorded in the audit trail itself.
    """
    criteria = read_audit_filter(query)
    readings: Readings = current_app.extensions["services"].readings
    readings.record_audit_export(g.tenant, criteria, g.principal.actor)
    return csv_attachment(audit_pieces(_audit().export(g.tenant, criteria)), AUDIT_FILE)


def _audit() -> Audit:
    audit: Audit = current_app.extensions["services"].audit
    return audit
