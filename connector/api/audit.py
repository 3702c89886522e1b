"""`/api/server/v1/audit`: requests of people, and refusals, for an auditor."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.audit_shapes import AuditPageSchema, AuditQuerySchema, audit_body
from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.domain.audit_filter import read_audit_filter
from connector.services.lookup.audit import Audit

blueprint = Blueprint(
    "audit", __name__, url_prefix="/api/server/v1/audit", errors=PROVIDER_ERRORS, description="The audit trail"
)


@blueprint.get("")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(AuditQuerySchema, location="query")
@blueprint.response(200, AuditPageSchema)
def list_audit_entries(query: dict[str, Any]) -> dict[str, Any]:
    """List requests of people, and refusals, the latest first.

    Erasures, administrators' changes and decisions, tasks that applications completed, and starts that were refused,
    of this tenant. Every filter that is given has to match. For the next page, send `nextCursor` as `cursor`.
    """
    audit: Audit = current_app.extensions["services"].audit
    page = audit.page(g.tenant, read_audit_filter(query), limit=query["limit"], cursor=query["cursor"])
    return audit_body(page)
