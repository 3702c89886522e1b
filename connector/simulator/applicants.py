"""`/v3.6/applicants`: create, list, read, change, delete, restore; their consents."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Blueprint, g, request
from marshmallow import ValidationError, validates_schema

from connector.simulator import errors
from connector.simulator.countries import COUNTRIES
from connector.simulator.records import Applicant, now
from connector.simulator.simulation import json_body, locked, page_of, shown, simulation
from connector.simulator.state import normal
from connector.simulator.validation import Input, Json, boolean, check, choice, day, list_of, record, text

blueprint = Blueprint("applicants", __name__)

DELETION_DELAY = timedelta(days=20)

_NAME = r'[^!#$%*=<>;{}"]*'
_LINE = r"[^!$%^*=<>]*"
_STATE_CODE = "[A-Z]{2}"
_PAGE = "[1-9][0-9]{0,8}"
_ID_NUMBER_TYPES = (
    *("ssn", "social_insurance", "tax_id", "identity_card", "driving_license", "driving_licence", "share_code"),
    *("voter_id", "passport", "other"),
)


class Address(Input):
    """An address; a state of the USA is written in its two letters."""

    flat_number, building_number, building_name = text(), text(), text()
    street, sub_street, town, state = text(), text(), text(), text()
    line1, line2, line3 = (text(pattern=_LINE, allow_none=True) for _ in range(3))
    postcode = text(1, required=True)
    country = choice(*COUNTRIES, required=True)

    @validates_schema(skip_on_field_errors=True)
    def check_state(self, data: Json, **_: object) -> None:
        """Raise if a state of the USA has another form."""
        if data["country"] == "USA" and "state" in data and not re.fullmatch(_STATE_CODE, data["state"]):
            raise ValidationError("must have the documented format", "state")


class IdNumber(Input):
    """A number that a country has issued to a person."""

    type = choice(*_ID_NUMBER_TYPES, required=True)
    value = text(1, required=True)
    state_code = text(pattern=_STATE_CODE)


class Location(Input):
    """The location of a person."""

    ip_address = text()
    country_of_residence = choice(*COUNTRIES)


class Consent(Input):
    """A consent, given or refused."""

    name = choice("privacy_notices_read", "ssn_verification", "phone_number_verification", required=True)
    granted = boolean(required=True)


class ApplicantChange(Input):
    """The fields of an applicant that are to be changed."""

    first_name = text(1, pattern=_NAME)
    last_name = text(1, pattern=_NAME)
    email = text(pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+")
    dob = day()
    phone_number = text(1, 40)
    id_numbers = list_of(record(IdNumber))
    address = record(Address)
    location = record(Location)
    consents = list_of(record(Consent))


class NewApplicant(ApplicantChange):
    """An applicant to be created."""

    first_name = text(1, pattern=_NAME, required=True)
    last_name = text(1, pattern=_NAME, required=True)


class ApplicantQuery(Input):
    """The filters of a list of applicants."""

    page = text(pattern=_PAGE)
    per_page = text(pattern=_PAGE)
    include_deleted = choice("true", "false")


@blueprint.post("/applicants")
def create() -> tuple[Json, int]:
    """Create an applicant in the environment of the token."""
    state = simulation().state
    applicant = Applicant(g.is_sandbox)
    applicant.change(check(json_body(), NewApplicant()))
    with state.lock:
        state.applicants[applicant.applicant_id] = applicant
        return applicant.as_json(), 201


@blueprint.get("/applicants")
def list_all() -> Json:
    """List applicants, the newest first."""
    query = check(request.args, ApplicantQuery())
    with locked() as state:
        applicants = [
            applicant
            for applicant in reversed(state.applicants.values())
            if applicant.is_sandbox is g.is_sandbox
            if not applicant.delete_at or query.get("include_deleted") == "true"
        ]
        page = page_of(applicants, int(query.get("page", 1)), int(query.get("per_page", 20)))
        return {"applicants": [applicant.as_json() for applicant in page]}


@blueprint.get("/applicants/<applicant_id>")
def read(applicant_id: str) -> Json:
    """Show an applicant."""
    return shown(lambda state: state.applicant(applicant_id))


@blueprint.put("/applicants/<applicant_id>")
def update(applicant_id: str) -> Json:
    """Change the fields that are sent."""
    state = simulation().state
    values = check(json_body(), ApplicantChange())
    with state.lock:
        applicant = state.applicant(applicant_id)
        applicant.change(values)
        return applicant.as_json()


@blueprint.get("/applicants/<applicant_id>/consents")
def list_consents(applicant_id: str) -> list[Json]:
    """List the consents that were asked for."""
    with locked() as state:
        return state.applicant(applicant_id).consents_as_json()


@blueprint.delete("/applicants/<applicant_id>")
def delete(applicant_id: str) -> tuple[str, int]:
    """Schedule an applicant for deletion: it is unavailable until restored."""
    with locked() as state:
        state.applicant(applicant_id).delete_at = now() + DELETION_DELAY
    return "", 204


@blueprint.post("/applicants/<applicant_id>/restore")
def restore(applicant_id: str) -> tuple[str, int]:
    """Cancel a deletion."""
    with locked() as state:
        applicant = state.applicants.get(normal(applicant_id))
        if applicant is None:
            raise errors.not_found("applicant")
        if applicant.delete_at is None:
            raise errors.invalid({"applicant_id": ["must be an applicant that is scheduled for deletion"]})
        applicant.delete_at = None
    return "", 204
