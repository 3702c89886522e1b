"""`/v3.6/applicants`: create, list, read, change, delete, restore; their consents."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, g, request

from connector.simulator import errors
from connector.simulator.countries import COUNTRIES
from connector.simulator.records import Applicant, now
from connector.simulator.simulation import json_body, page_of, simulation
from connector.simulator.state import normal
from connector.simulator.validation import (
    Json,
    Problems,
    boolean,
    check,
    choice,
    day,
    list_of,
    nullable,
    record,
    text,
)

blueprint = Blueprint("applicants", __name__)

DELETION_DELAY = timedelta(days=20)

_NAME = text(1, pattern=r'[^!#$%*=<>;{}"]*')
_LINE = nullable(text(pattern=r"[^!$%^*=<>]*"))
_COUNTRY = choice(*COUNTRIES)
_ADDRESS_FIELDS = ("flat_number", "building_number", "building_name", "street", "sub_street", "town", "state")
_ID_NUMBER_TYPES = (
    *("ssn", "social_insurance", "tax_id", "identity_card", "driving_license", "driving_licence", "share_code"),
    *("voter_id", "passport", "other"),
)
_ADDRESS = record(
    dict.fromkeys(_ADDRESS_FIELDS, text())
    | dict.fromkeys(("line1", "line2", "line3"), _LINE)
    | {"postcode": text(1), "country": _COUNTRY},
    "postcode",
    "country",
)


def _address(value: object) -> Problems:
    """Accept an address; a state of the USA is written in its two letters."""
    problems = _ADDRESS(value)
    if not problems and isinstance(value, dict) and value["country"] == "USA" and "state" in value:
        return [{"state": wrong}] if (wrong := text(pattern="[A-Z]{2}")(value["state"])) else []
    return problems


RULES = {
    "first_name": _NAME,
    "last_name": _NAME,
    "email": text(pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "dob": day,
    "phone_number": text(1, 40),
    "id_numbers": list_of(
        record(
            {"type": choice(*_ID_NUMBER_TYPES), "value": text(1), "state_code": text(pattern="[A-Z]{2}")},
            "type",
            "value",
        )
    ),
    "address": _address,
    "location": record({"ip_address": text(), "country_of_residence": _COUNTRY}),
    "consents": list_of(
        record(
            {
                "name": choice("privacy_notices_read", "ssn_verification", "phone_number_verification"),
                "granted": boolean,
            },
            "name",
            "granted",
        )
    ),
}
_LIST_RULES = {
    "page": text(pattern="[1-9][0-9]{0,8}"),
    "per_page": text(pattern="[1-9][0-9]{0,8}"),
    "include_deleted": choice("true", "false"),
}


@blueprint.post("/applicants")
def create() -> tuple[Json, int]:
    """Create an applicant in the environment of the token."""
    state = simulation().state
    applicant = Applicant(g.is_sandbox)
    applicant.change(check(json_body(), RULES, "first_name", "last_name"))
    with state.lock:
        state.applicants[applicant.applicant_id] = applicant
        return applicant.as_json(), 201


@blueprint.get("/applicants")
def list_all() -> Json:
    """List applicants, the newest first."""
    query = check(request.args, _LIST_RULES)
    state = simulation().state
    with state.lock:
        found = [
            applicant
            for applicant in reversed(state.applicants.values())
            if applicant.is_sandbox is g.is_sandbox
            if not applicant.delete_at or query.get("include_deleted") == "true"
        ]
        page = page_of(found, int(query.get("page", 1)), int(query.get("per_page", 20)))
        return {"applicants": [applicant.as_json() for applicant in page]}


@blueprint.get("/applicants/<applicant_id>")
def read(applicant_id: str) -> Json:
    """Show an applicant."""
    state = simulation().state
    with state.lock:
        return state.applicant(applicant_id).as_json()


@blueprint.put("/applicants/<applicant_id>")
def update(applicant_id: str) -> Json:
    """Change the fields that are sent."""
    state = simulation().state
    values = check(json_body(), RULES)
    with state.lock:
        applicant = state.applicant(applicant_id)
        applicant.change(values)
        return applicant.as_json()


@blueprint.get("/applicants/<applicant_id>/consents")
def list_consents(applicant_id: str) -> list[Json]:
    """List the consents that were asked for."""
    state = simulation().state
    with state.lock:
        return state.applicant(applicant_id).consents_as_json()


@blueprint.delete("/applicants/<applicant_id>")
def delete(applicant_id: str) -> tuple[str, int]:
    """Schedule an applicant for deletion: from now on it is gone, until restored."""
    state = simulation().state
    with state.lock:
        state.applicant(applicant_id).delete_at = now() + DELETION_DELAY
    return "", 204


@blueprint.post("/applicants/<applicant_id>/restore")
def restore(applicant_id: str) -> tuple[str, int]:
    """Cancel a deletion."""
    state = simulation().state
    with state.lock:
        applicant = state.applicants.get(normal(applicant_id))
        if applicant is None:
            raise errors.not_found("applicant")
        if applicant.delete_at is None:
            raise errors.invalid({"applicant_id": ["must be an applicant that is scheduled for deletion"]})
        applicant.delete_at = None
    return "", 204
