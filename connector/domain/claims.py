"""Which applicant field a claim feeds, and what Onfido's comparison of that field means for the claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.domain.runs import APPROVED, Comparison, RunSnapshot, is_final

# Onfido's API v3.6, schema `applicant_shared`: what a claim's value can be sent as.
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
)
REQUIRED_FIELDS = ("first_name", "last_name")

VALUE_CHANGED = "value_changed"


@dataclass(frozen=True)
class Claim:
    """A claim as it stands, with the attempt that it was last part of.

    `fingerprint` is that of the value for which `is_verified` holds.
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


@dataclass(frozen=True)
class ClaimState:
    """Whether a claim is verified, and what the verification said of it."""

    is_verified: bool
    verification_status: str | None

    @property
    def label(self) -> str:
        """The state in one word, for the history: `verified`, or why not."""
        return "verified" if self.is_verified else self.verification_status or "unverified"


@dataclass(frozen=True)
class Verdict:
    """What a finished run means for one claim.

    `is_verified` is None where the run says nothing against a claim that is verified already: it stays as it is.
    """

    is_verified: bool | None
    verification_status: str


def comparison_key(applicant_field: str) -> str:
    """The key under which Onfido compares an applicant field (`dob` is compared as `date_of_birth`)."""
    top = applicant_field.partition(".")[0]
    return "date_of_birth" if top == "dob" else top


def fields_to_send(requested: frozenset[str], mapped: frozenset[str]) -> frozenset[str]:
    """The mapped applicant fields that a request for `requested` has to send, and no more.

    Onfido wants both names with every applicant, and an address whole or not at all.
    """
    nested = {field.partition(".")[0] for field in requested if "." in field}
    siblings = {field for field in mapped if "." in field and field.partition(".")[0] in nested}
    return requested | siblings | (mapped & frozenset(REQUIRED_FIELDS))


def judge(applicant_field: str, run: RunSnapshot, *, has_value_changed: bool) -> Verdict:
    """Judge one claim by a finished run, without regard to its neighbours.

    Verified is exactly what an approved run compared as clear, for the value that was sent. `consider` speaks against
    the value and un-verifies it. A run that could not read or compare it, or was abandoned, says nothing of it; nor
    does one that was about a value which the user no longer has.
    """
    if not is_final(run.status):
        raise ValueError(f"the run is still {run.status}")
    comparisons: Mapping[str, Comparison] = run.comparisons or {}
    comparison = comparisons.get(comparison_key(applicant_field), Comparison.NOT_COMPARED)
    if has_value_changed:
        return Verdict(None, VALUE_CHANGED)
    if comparison is Comparison.CONSIDER:
        return Verdict(False, comparison)
    if comparison is Comparison.CLEAR and run.status == APPROVED:
        return Verdict(True, comparison)
    return Verdict(None, comparison)
