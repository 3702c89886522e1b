"""Sources, warnings and limits of a mapping, in words."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console.words import State
from connector.domain.providers.mapping import Flaw, MappingWarning, Source

SOURCES: Mapping[str, State] = {
    Source.DOCUMENT: State("good", "person-vcard", _l("Document")),
    Source.PROOF_OF_ADDRESS: State("good", "house-check", _l("Proof of address")),
    Source.OUTPUT: State("good", "diagram-3", _l("Workflow output")),
    Source.NEVER: State("none", "dash-lg", _l("Never")),
}
GROUPS: Mapping[str, object] = {
    "person": _l("Person"),
    "address": _l("Address"),
    "location": _l("Location"),
    "id_numbers": _l("Id numbers"),
    "consents": _l("Consents"),
}
FIELDS: Mapping[str, object] = {
    "first_name": _l("First name"),
    "last_name": _l("Last name"),
    "dob": _l("Date of birth"),
    "email": _l("E-mail address"),
    "phone_number": _l("Phone number"),
    "address.postcode": _l("Postcode"),
    "address.country": _l("Country"),
    "address.flat_number": _l("Flat number"),
    "location.country_of_residence": _l("Country of residence"),
    "location.ip_address": _l("IP address"),
}


def field_name(field: str) -> str:
    """Return an applicant field's name for people."""
    last = field.rpartition(".")[2]
    return str(FIELDS.get(field) or last.replace("_", " ").capitalize())


def warning(it: MappingWarning) -> str:
    """Return what is wrong, and what to do."""
    names = ", ".join(field_name(each) for each in it.fields)
    match it.flaw:
        case Flaw.NAME_MISSING:
            return str(_("Onfido requires %(names)s for every applicant: map a claim to it.", names=names))
        case Flaw.ADDRESS_INCOMPLETE:
            return str(_("Onfido accepts no address without %(names)s: map a claim to it.", names=names))
        case Flaw.MAPPED_TWICE:
            return str(_("Another claim is also sent as %(names)s: only names can be joined.", names=names))
        case Flaw.NEVER_VERIFIED:
            return str(_("Onfido does not compare it; it can be read from the workflow's output."))
