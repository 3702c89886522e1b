"""A user's verified claims in the terms of OpenID Identity Assurance 1.0 (`verified_claims`).

    verified claims ──► those whose value has not changed ──► by OpenID's names ──► claims
                                                                    └──► how each was checked ──► evidence

Evidence contains what is known about the check: document, method, organization and time. The operator sets the trust
framework and the level of assurance; the connector claims none by itself. Results of Onfido's sandbox prove nothing:
they are passed on only if there are no others, with `SANDBOX` as their trust framework and without evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.domain.claims import comparison_key
from connector.domain.environment import SANDBOX
from connector.domain.frozen import frozen
from connector.domain.openid.groups import GROUPS, nested
from connector.domain.studio.studio import OutputRole
from connector.domain.text import is_blank
from connector.domain.utc import timestamp

CHECKED_BY = "Onfido"
# OpenID's identifiers of check methods: a picture taken elsewhere is inspected; data is compared with a record.
IMAGE, RECORD = "vri", "data"
# Onfido's reports that are evidence. Face reports keep Onfido's own names as check methods, because OpenID's
# identifiers distinguish neither the reports nor whether only a machine compared the faces.
FACE_REPORTS = frozenset(
    {
        *("facial_similarity_photo", "facial_similarity_photo_fully_auto"),
        *("facial_similarity_video", "facial_similarity_motion"),
    }
)
DATA_REPORTS = frozenset({"identity_enhanced", "us_driving_licence", "india_pan"})
DOCUMENT_REPORTS = frozenset(
    {
        *("document", "document_video", "document_video_with_address_information", "document_with_address_information"),
        *("document_with_driving_licence_information", "document_with_driver_verification", "proof_of_address"),
    }
)
EVIDENT_REPORTS = FACE_REPORTS | DATA_REPORTS | DOCUMENT_REPORTS
DOCUMENT, ELECTRONIC_RECORD, VOUCH = "document", "electronic_record", "vouch"  # types of evidence

# OpenID's identifiers of documents, by Onfido's; others keep Onfido's names.
_DOCUMENTS = {"national_identity_card": "idcard", "driving_licence": "driving_permit"}
_COUNTRY = re.compile(r"[A-Za-z]{2,3}")
_PHONE = re.compile(r"\+?[0-9]{5,15}(;ext[0-9]{0,9})?")
# The formats that IDA's schema (`claims_type`) requires; all other claims are text.
_FORMS = {
    "birthdate": re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]"),
    "email": re.compile(r"[^@]+@[^@.]+[.][^@]+"),
    "locale": re.compile(r"[a-zA-Z]{2}[-_][A-Z]{2}[a-zA-Z]?"),
    "phone_number": _PHONE,
    "msisdn": re.compile(r"\+?[0-9]{5,15}"),
    "nationalities": _COUNTRY,
    "address.country_code": _COUNTRY,
    "place_of_birth.country": _COUNTRY,
}
_LISTS = frozenset({"nationalities"})
_NOT_TEXT = frozenset({"sub", "email_verified", "phone_number_verified", "updated_at", *GROUPS})
_PUNCTUATION = re.compile(r"[ ()./-]")


@frozen
class Assurance:
    """The operator's trust framework and assurance level; empty if it has no name, or no level is claimed."""

    trust_framework: str = ""
    level: str = ""


@frozen
class Proof:
    """The verification that verified a claim, and how: by an applicant field, or by the workflow's output.

    `reports` are the clear reports of that run, as far as they are known.
    """

    verification_id: str
    run_id: str | None
    at: datetime
    applicant_field: str | None
    output_role: OutputRole | None
    document_type: str | None
    reports: tuple[str, ...] = ()


@frozen
class ProvenClaim:
    """A claim that is verified for the value with this fingerprint; `proof` is None if an administrator verified it."""

    uri: str
    fingerprint: str | None
    environment: str | None
    at: datetime
    proof: Proof | None


def unchanged(
    claims: Iterable[ProvenClaim], values: Mapping[str, str], fingerprint: Callable[[str, str], str]
) -> list[ProvenClaim]:
    """Return the claims that are verified for the user's current value; `fingerprint` is of a URI and value."""
    return [
        each
        for each in claims
        if not is_blank(value := values.get(each.uri, "")) and fingerprint(each.uri, value) == each.fingerprint
    ]


def verified_claims(
    claims: Collection[ProvenClaim], values: Mapping[str, str], names: Mapping[str, str], assurance: Assurance
) -> dict[str, Any] | None:
    """Return the element `verified_claims` for claims with unchanged values; None if there is nothing to assert.

    `names` are OpenID's names of claims by claim URI, dotted within a group, such as `address.locality`. A claim
    without such a name, or whose value does not have the format that OpenID requires, is left out.
    """
    live = [each for each in claims if each.environment != SANDBOX]
    stated = _by_name(live or claims, values, names)
    if not stated:
        return None
    verified = [claim for claim, _ in stated.values()]
    return {
        "verification": _verification(verified, assurance if live else Assurance(SANDBOX), has_evidence=bool(live)),
        "claims": nested((name, value) for name, (_, value) in stated.items()),
    }


def _by_name(
    claims: Iterable[ProvenClaim], values: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, tuple[ProvenClaim, Any]]:
    """Return each claim with its value by OpenID's name; of several, the latest one with a proof is used."""
    stated: dict[str, tuple[ProvenClaim, Any]] = {}
    for claim in sorted(claims, key=lambda each: (each.proof is not None, each.at, each.uri)):
        name = names.get(claim.uri)
        value = None if name is None else _in_form(name, values[claim.uri].strip())
        if name is not None and value is not None:
            stated[name] = claim, value
    return dict(sorted(stated.items()))


def _in_form(name: str, value: str) -> Any:
    """Return a value in OpenID's format; None if that is impossible."""
    if name in _NOT_TEXT:
        return None
    if name in ("phone_number", "msisdn"):
        value = _PUNCTUATION.sub("", value)
    form = _FORMS.get(name)
    if form is not None and not form.fullmatch(value):
        return None
    return [value] if name in _LISTS else value


def _verification(claims: Sequence[ProvenClaim], assurance: Assurance, *, has_evidence: bool) -> dict[str, Any]:
    """Return how the claims were verified; the time is that of the claim that was verified first."""
    verification: dict[str, Any] = {"trust_framework": assurance.trust_framework}
    if assurance.level:
        verification["assurance_level"] = assurance.level
    verification["time"] = timestamp(min(_time(each) for each in claims))
    if has_evidence:
        verification["evidence"] = _evidence(claims)
    return verification


def _evidence(claims: Iterable[ProvenClaim]) -> list[dict[str, Any]]:
    """Return each piece of evidence once, the latest first."""
    pieces: dict[tuple[object, ...], dict[str, Any]] = {}
    for claim in sorted(claims, key=_time, reverse=True):
        for kind in _kinds(claim.proof):
            key = (kind, claim.proof.verification_id) if claim.proof else (kind, _time(claim).date())
            pieces.setdefault(key, _piece(claim, *kind))
    return list(pieces.values())


def _kinds(proof: Proof | None) -> Iterator[tuple[str, bool]]:
    """Yield the types of evidence, and whether each is the run's identity document; an address has its own proof."""
    if proof is None:
        yield VOUCH, False
        return
    if proof.output_role is None:
        yield DOCUMENT, comparison_key(proof.applicant_field or "") != "address"
    if proof.output_role is not None or not DATA_REPORTS.isdisjoint(proof.reports):
        yield ELECTRONIC_RECORD, False


def _piece(claim: ProvenClaim, kind: str, is_identity_document: bool) -> dict[str, Any]:
    proof = claim.proof
    if proof is None:
        attestation = {"type": "digital_attestation", "date_of_issuance": f"{claim.at.astimezone(UTC):%Y-%m-%d}"}
        return {"type": kind, "attestation": attestation}
    methods = [IMAGE if kind == DOCUMENT else RECORD]
    if is_identity_document:  # the face is compared with the picture of this document
        methods += sorted(FACE_REPORTS.intersection(proof.reports))
    piece: dict[str, Any] = {"type": kind, "check_details": [_check(proof, each) for each in methods]}
    if is_identity_document and proof.document_type is not None:
        piece["document_details"] = {"type": _DOCUMENTS.get(proof.document_type, proof.document_type)}
    return piece


def _check(proof: Proof, method: str) -> dict[str, str]:
    return {
        "check_method": method,
        "organization": CHECKED_BY,
        "check_id": proof.run_id or proof.verification_id,
        "time": timestamp(proof.at),
    }


def _time(claim: ProvenClaim) -> datetime:
    return claim.proof.at if claim.proof else claim.at
