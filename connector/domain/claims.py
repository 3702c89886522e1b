"""Which applicant field a claim feeds, and what Onfido's comparison of that field means for the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.domain.environment import SANDBOX
from connector.domain.studio import OutputRole
from connector.domain.verification import VerificationClaim
from connector.domain.workflow_run import APPROVED, Comparison, RunSnapshot, is_final

# Onfido's API v3.6, schemas `id_number` and `applicant_consent_name`.
ID_NUMBER_TYPES = (
    *("ssn", "social_insurance", "tax_id", "identity_card", "driving_license", "driving_licence", "share_code"),
    *("voter_id", "passport", "other"),
)
CONSENTS = ("privacy_notices_read", "ssn_verification", "phone_number_verification")
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
    | {f"id_numbers.{name}" for name in ID_NUMBER_TYPES}
    | {f"id_numbers.{name}.state_code" for name in ("driving_license", "driving_licence")}
    | {f"consents.{name}" for name in CONSENTS}
)
REQUIRED_FIELDS = ("first_name", "last_name")

VERIFIED = "verified"  # the label of every claim that is
VALUE_CHANGED = "value_changed"
RUN_GONE = "run_gone"  # Onfido does not know the run any more
DIFFERS = "differs"  # the output holds another value than the user's


@dataclass(frozen=True)
class Claim:
    """The current state of a claim, with the verification that it was last part of.

    `fingerprint` is that of the value for which `is_verified` holds. `output_value` and `document` are what Onfido
    read, sealed.
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


@dataclass(frozen=True)
class ClaimState:
    """Whether a claim is verified, in which environment, and the verification's result for it."""

    is_verified: bool
    verification_status: str | None
    environment: str | None = None

    @property
    def label(self) -> str:
        """The state in one word, for the history: `verified`, or why not."""
        return VERIFIED if self.is_verified else self.verification_status or "unverified"


@dataclass(frozen=True)
class ClaimOutput:
    """What the workflow's output holds for one claim: Onfido's result for it, or its value."""

    result: Comparison = Comparison.NOT_COMPARED
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Verdict:
    """The result of a finished run for one claim.

    `is_verified` is None where the run does not contradict a claim that is verified already: it stays as it is.
    `output_value` is what the workflow's output holds for the claim.
    """

    is_verified: bool | None
    verification_status: str
    output_value: str | None = field(default=None, repr=False, compare=False)


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


def judge(
    claim: VerificationClaim,
    run: RunSnapshot,
    output: ClaimOutput,
    *,
    is_same: Callable[[str], bool],
    is_counted: bool = True,
) -> Verdict:
    """Judge one claim by a finished run, without regard to its neighbours.

    Verified is exactly what an approved run compared as clear, for the value that was sent. `consider` contradicts the
    value and un-verifies the claim. A run that could not read or compare the value, or was abandoned, decides nothing;
    nor does one for a value that the user no longer has, or one of the sandbox that is not counted. Where the output of
    the workflow holds the claim's value, `is_same` compares that with the user's.
    """
    if not is_final(run.status):
        raise ValueError(f"the run is still {run.status}")
    if not is_counted:
        return Verdict(None, SANDBOX, output.value)
    if claim.is_stale:
        return Verdict(None, VALUE_CHANGED, output.value)
    finding = _finding(claim, run, output, is_same)
    if finding == Comparison.CONSIDER:
        return Verdict(False, finding, output.value)
    is_clear = finding == Comparison.CLEAR and run.status == APPROVED
    return Verdict(True if is_clear else None, finding, output.value)


def _finding(claim: VerificationClaim, run: RunSnapshot, output: ClaimOutput, is_same: Callable[[str], bool]) -> str:
    if claim.is_stand_in:
        return Comparison.NOT_COMPARED
    if claim.output_role is OutputRole.VALUE:
        if output.value is None:
            return Comparison.NOT_COMPARED
        return Comparison.CLEAR if claim.fingerprint is None or is_same(output.value) else DIFFERS
    if claim.output_role is OutputRole.RESULT:
        return output.result
    comparisons: Mapping[str, Comparison] = run.comparisons or {}
    return comparisons.get(comparison_key(claim.applicant_field or ""), Comparison.NOT_COMPARED)
