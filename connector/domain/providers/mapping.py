"""A claim mapping as an administrator edits it: how each claim is verified, and the flaws of the mapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum

from connector.domain.claims import COMPARED, CONSENTS, ID_NUMBER_TYPES, REQUIRED_FIELDS, comparison_key
from connector.domain.frozen import frozen
from connector.domain.providers.applicant import missing_of_address


class Source(StrEnum):
    """How Onfido verifies a claim."""

    DOCUMENT = "document"
    PROOF_OF_ADDRESS = "proof_of_address"
    OUTPUT = "output"
    NEVER = "never"


class Flaw(StrEnum):
    """A kind of flaw of a mapping."""

    NAME_MISSING = "name_missing"
    ADDRESS_INCOMPLETE = "address_incomplete"
    MAPPED_TWICE = "mapped_twice"
    NEVER_VERIFIED = "never_verified"


@frozen
class MappingWarning:
    """A flaw of a claim, or of the whole mapping if `uri` is None; `fields` are the fields concerned."""

    flaw: Flaw
    uri: str | None
    fields: tuple[str, ...]


# Every applicant field, in groups for display.
FIELD_GROUPS: Mapping[str, tuple[str, ...]] = {
    "person": ("first_name", "last_name", "dob", "email", "phone_number"),
    "address": tuple(
        f"address.{name}"
        for name in (
            *("street", "sub_street", "building_number", "building_name", "flat_number"),
            *("town", "state", "postcode", "country", "line1", "line2", "line3"),
        )
    ),
    "location": ("location.country_of_residence", "location.ip_address"),
    "id_numbers": (
        *(f"id_numbers.{name}" for name in ID_NUMBER_TYPES),
        *(f"id_numbers.{name}.state_code" for name in ("driving_license", "driving_licence")),
    ),
    "consents": tuple(f"consents.{name}" for name in CONSENTS),
}


def source_of(uri: str, field: str | None, outputs: Collection[str]) -> Source:
    """Return how a claim is verified that is sent as a field; `outputs` are the claims in the workflow's output."""
    if uri in outputs:
        return Source.OUTPUT
    key = comparison_key(field or "")
    if key not in COMPARED:
        return Source.NEVER
    return Source.PROOF_OF_ADDRESS if key == "address" else Source.DOCUMENT


def warnings_of(fields: Mapping[str, str], outputs: Collection[str]) -> Iterator[MappingWarning]:
    """Yield the flaws of a mapping, those of the whole first."""
    if missing := tuple(name for name in REQUIRED_FIELDS if name not in fields.values()):
        yield MappingWarning(Flaw.NAME_MISSING, None, missing)
    incomplete = tuple(missing_of_address(fields.values()))
    times = Counter(fields.values())
    for uri, field in fields.items():
        if field.startswith("address.") and incomplete:
            yield MappingWarning(Flaw.ADDRESS_INCOMPLETE, uri, incomplete)
        if times[field] > 1 and field not in REQUIRED_FIELDS:
            yield MappingWarning(Flaw.MAPPED_TWICE, uri, (field,))
        if source_of(uri, field, outputs) is Source.NEVER:
            yield MappingWarning(Flaw.NEVER_VERIFIED, uri, (field,))


def changed_claims(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the claims whose field a mapping changes or removes."""
    return sorted(uri for uri, field in before.items() if after.get(uri) != field)
