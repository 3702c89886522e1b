"""The result of a verification in an ID token, in the format of the client's profile.

okta   `verified_claims` is a list with all requested claims; the value of a claim that was not verified is null,
       and VERIFIED or FAILED says whether all were verified
ida    OpenID Identity Assurance 1.0: `verified_claims` is an object with the requested claims that were verified,
       and is left out if there are none
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.domain.openid.claims_request import ClaimsRequest, RequestedClaim
from connector.domain.openid.clients import OKTA
from connector.domain.openid.groups import flat, nested
from connector.domain.utc import timestamp

DELEGATED = "IDV-DELEGATED"  # Okta's name of the trust framework: the vendor decides
VERIFIED, FAILED = "VERIFIED", "FAILED"  # Okta's levels


def result_claims(
    profile: str, request: ClaimsRequest, asserted: Mapping[str, Any] | None, now: datetime, process: str | None
) -> dict[str, Any]:
    """Return the claims of an ID token about the verification.

    `asserted` is the element that `domain/assurance.py` creates from the verified claims, None if there are none;
    `process` is the id of the run.
    """
    if profile == OKTA:
        return {"verified_claims": [_okta(request, asserted, now, process)]}
    element = _ida(request, asserted)
    return {} if element is None else {"verified_claims": element}


def _okta(
    request: ClaimsRequest, asserted: Mapping[str, Any] | None, now: datetime, process: str | None
) -> dict[str, Any]:
    verified = flat({} if asserted is None else asserted["claims"])
    time = timestamp(now) if asserted is None else asserted["verification"]["time"]
    is_verified = bool(request.claims) and all(each.name in verified for each in request.claims)
    verification = {
        "trust_framework": _asked_value(request, "trust_framework") or DELEGATED,
        "assurance_level": VERIFIED if is_verified else FAILED,
        "time": time,
        **({} if process is None else {"verification_process": process}),
    }
    claims = ((each.name, _okta_claim(each, verified.get(each.name))) for each in request.claims)
    return {"verification": verification, "claims": nested(claims)}


def _okta_claim(asked: RequestedClaim, value: Any) -> Any:
    return {"value": value, "fuzzy": True} if asked.is_fuzzy else value


def _ida(request: ClaimsRequest, asserted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return only the requested members; None if there are none, or a constraint is not met."""
    if asserted is None:
        return None
    verification: Mapping[str, Any] = asserted["verification"]
    if any(not _meets(verification.get(name), asked) for name, asked in request.verification.items()):
        return None
    names = {each.name for each in request.claims}
    claims = nested((name, value) for name, value in flat(asserted["claims"]).items() if name in names)
    if not claims:
        return None
    asked_for = {"trust_framework", *request.verification}
    return {
        "verification": {name: value for name, value in verification.items() if name in asked_for},
        "claims": claims,
    }


def _meets(value: Any, asked: Any) -> bool:
    """Whether a member meets the constraint in `value` or `values`, if it is a text."""
    if not isinstance(asked, dict) or not isinstance(value, str | None):
        return True
    allowed = [asked["value"]] if "value" in asked else asked.get("values")
    return allowed is None or value in allowed


def _asked_value(request: ClaimsRequest, name: str) -> str | None:
    asked = request.verification.get(name)
    value = asked.get("value") if isinstance(asked, dict) else None
    return value if isinstance(value, str) else None
