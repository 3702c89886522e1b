"""Claims with the values that Onfido read; displaying them to anyone except the user is recorded in the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app, g

from connector.api.shapes.claim import claim_body
from connector.domain.claims import Claim, as_users_see
from connector.services.lookup.readings import Readings
from connector.services.results.kept import KeptResults


def claim_bodies(claims: Sequence[Claim], user_id: str, *, is_own: bool) -> list[dict[str, Any]]:
    """Return claims with Onfido's values; unless `is_own`, displaying them is recorded."""
    kept: KeptResults = current_app.extensions["services"].kept
    values = [kept.read_of(claim) for claim in claims]
    if any(values) and not is_own:
        readings: Readings = current_app.extensions["services"].readings
        readings.record_values(g.tenant, user_id, g.principal.actor)
    shown = map(as_users_see, claims) if is_own else claims
    return [claim_body(claim, **read) for claim, read in zip(shown, values, strict=True)]
