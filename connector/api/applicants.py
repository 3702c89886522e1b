"""`/api/server/v1/idv-providers/{id}/applicants/{applicant-id}`: the applicant at Onfido, for an administrator."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import DIRECTORY, ONFIDO
from connector.api.parsing import Blueprint, View
from connector.errors import Code
from connector.services.people.applicants import Applicants

APPLICANT_ERRORS = (Code.PROVIDER_NOT_FOUND, Code.APPLICANT_NOT_FOUND, Code.APPLICANT_REFUSED, *ONFIDO)

blueprint = Blueprint(
    "applicants",
    __name__,
    errors=PROVIDER_ERRORS,
    url_prefix="/api/server/v1/idv-providers/<provider_id>/applicants",
    description="Applicants at Onfido",
)


def _changes(scope: str, *codes: Code) -> Callable[[View], View]:
    """Describe a view that changes an applicant at Onfido, with its own errors."""

    def decorate(view: View) -> View:
        documented: View = blueprint.refuses(*APPLICANT_ERRORS, *codes)(blueprint.response(204)(view))
        return blueprint.requires(scope, lasting=Lasting.ONFIDO)(documented)

    return decorate


@blueprint.put("/<applicant_id>")
@blueprint.requires("internal_idv_claim_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(*APPLICANT_ERRORS, Code.USER_NOT_FOUND, Code.VALUE_MISSING, *DIRECTORY, Code.NEEDS_THE_USER)
@blueprint.response(204)
def update_applicant(provider_id: str, applicant_id: str) -> None:
    """Send the user's current values to Onfido, so that an open run uses them.

    The applicant is updated with every claim that the provider maps. The error names the fields that Onfido
    refuses.
    """
    _applicants().update(g.tenant, provider_id, applicant_id, g.principal.actor)


@blueprint.delete("/<applicant_id>")
@_changes("internal_idv_claim_delete")
def delete_applicant(provider_id: str, applicant_id: str) -> None:
    """Ask Onfido to delete the applicant, which happens some days later; an open verification is closed here.

    The deletion can be cancelled until Onfido has completed it. The user's next verification creates another applicant.
    """
    _applicants().delete(g.tenant, provider_id, applicant_id, g.principal.actor)


@blueprint.post("/<applicant_id>/restore")
@_changes("internal_idv_claim_update")
def restore_applicant(provider_id: str, applicant_id: str) -> None:
    """Cancel a deletion that Onfido has not completed yet.

    The user's next verification uses the applicant again.
    """
    _applicants().restore(g.tenant, provider_id, applicant_id, g.principal.actor)


def _applicants() -> Applicants:
    applicants: Applicants = current_app.extensions["services"].applicants
    return applicants
