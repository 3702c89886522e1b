"""The pictures that a user has sent in a run, for administrators; streamed from Onfido, never stored."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.evidence import pass_on
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import ONFIDO
from connector.api.parsing import Blueprint
from connector.api.shapes.picture import PictureSchema
from connector.api.verifications import PREFIX, check_provider
from connector.errors import Code
from connector.services.lookup.pictures import Pictures

_ERRORS = (Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND, *ONFIDO)
_BINARY = {"type": "string", "format": "binary"}

blueprint = Blueprint(
    "pictures", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="The pictures of a run"
)


@blueprint.get("/verifications/<run_id>/pictures")
@blueprint.requires("internal_idv_claim_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(*_ERRORS)
@blueprint.response(200, PictureSchema(many=True))
def list_pictures(provider_id: str, run_id: str) -> Any:
    """List the pictures that the user has sent in a run.

    Of documents and of the person, as Onfido has them now; they are not stored here.
    """
    check_provider(provider_id)
    return _pictures().list(g.tenant, run_id, provider_id)


@blueprint.get("/verifications/<run_id>/pictures/<picture_id>")
@blueprint.requires("internal_idv_claim_update", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*_ERRORS, Code.FILE_UNAVAILABLE)
@blueprint.response(200, _BINARY, content_type="*/*")
def get_picture(provider_id: str, run_id: str, picture_id: str) -> Response:
    """Return a picture of a run.

    Each view is recorded in the audit trail.
    """
    check_provider(provider_id)
    return pass_on(_pictures().open(g.tenant, run_id, picture_id, provider_id, actor=g.principal.actor))


def _pictures() -> Pictures:
    pictures: Pictures = current_app.extensions["services"].evidence.pictures
    return pictures
