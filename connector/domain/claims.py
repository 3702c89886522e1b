"""The state of a claim, and the applicant field that it is sent as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen

# Onfido's API v3.6, schemas `id_number` and `applicant_consent_name`.
ID_NUMBER_TYPES = (
    *("ssn", "social_insurance", "tax_id", "identity_card", "driving_license", "driving_licence", "share_code"),
    *("voter_id", "passport", "other"),
)
CONSENTS = ("privacy_notices_read", "ssn_verification", "phone_number_verification")
# Onfido's API v3.6, schema `applicant_shared`: the fields as which a claim's value can be sent.
APPLICANT_FIELDS = frozenset(
    {"first_name", "last_name", "dob", "email", "phone_number"}
    | {f"location.{name}" for name in ("ip_address", "country_of_residence")}
    | {
        f"address.{name}"
        for name in (
            *("flat_number", "building_number", "building_name", "street", "sub_street"),
            *("town", "state", "postcode", "country", "line1", "line2", "line3"),
        )
    }
    | {f"id_numbers.{name}" for name in ID_NUMBER_TYPES}
    | {f"id_numbers.{name}.state_code" for name in ("driving_license", "driving_licence")}
    | {f"consents.{name}" for name in CONSENTS}
)
REQUIRED_FIELDS = ("first_name", "last_name")
MAX_CLAIM = 255  # characters of a local claim, the length of the database's columns

COMPARED = frozenset({"first_name", "last_name", "date_of_birth", "address"})  # keys under which Onfido compares

VERIFIED = "verified"  # the label of every verified claim
VALUE_CHANGED = "value_changed"
RUN_GONE = "run_gone"  # Onfido no longer knows the run
DIFFERS = "differs"  # the output has another value than the user's
WATCHLIST_MATCH = "watchlist_match"  # withdrawn after a match, which must not be disclosed to the user


@frozen
class Claim:
    """The current state of a claim, with the verification that it was last part of.

    `fingerprint` is that of the verified value. `output_value` and `document` are what Onfido read, encrypted.
    """

    claim_id: str
    uri: str
    provider_id: str
    is_verified: bool
    fingerprint: str | None
    verification_status: str | None
    metadata: Mapping[str, Any]
    verification_id: str | None
    applicant_id: str | None
    run_id: str | None
    workflow_status: str | None
    completed_at: datetime | None
    decision: str | None
    output_value: str | None = field(repr=False)
    document: str | None = field(repr=False)


def as_users_see(claim: Claim) -> Claim:
    """Return a claim without a status that the user must not see."""
    return replace(claim, verification_status=None) if claim.verification_status == WATCHLIST_MATCH else claim


@frozen
class ClaimState:
    """Whether a claim is verified, in which environment, and the verification's result for it."""

    is_verified: bool
    verification_status: str | None
    environment: str | None = None

    @property
    def label(self) -> str:
        """The state in one word, for the history: `verified`, or the reason why not."""
        return VERIFIED if self.is_verified else self.verification_status or "unverified"


def comparison_key(applicant_field: str) -> str:
    """The key under which Onfido compares an applicant field (`dob` is compared as `date_of_birth`)."""
    top = applicant_field.partition(".")[0]
    return "date_of_birth" if top == "dob" else top


def fields_to_send(requested: frozenset[str], mapped: frozenset[str]) -> frozenset[str]:
    """Return the mapped applicant fields that a request for `requested` has to send.

    Onfido requires both names for every applicant, and an address only as a whole.
    """
    nested = {field.partition(".")[0] for field in requested if "." in field}
    siblings = {field for field in mapped if "." in field and field.partition(".")[0] in nested}
    return requested | siblings | (mapped & frozenset(REQUIRED_FIELDS))
