"""`/api/server/v1/idv-providers/{id}/…`: an administrator tests the connection and registers the webhook at Onfido."""

from __future__ import annotations

from flask import current_app, g

from connector.api.error_responses import ONFIDO
from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.providers import PREFIX
from connector.api.setup_shapes import ReadinessSchema, WebhookSchema
from connector.api.shares import Lasting
from connector.domain.readiness import Readiness
from connector.errors import Code
from connector.services.providers.setup import Setup, Webhook

blueprint = Blueprint(
    "setup", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Setting providers up at Onfido"
)


@blueprint.post("/<provider_id>/test-connection")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)  # it requests a run (of no applicant)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.CONFIGURATION_INVALID)
@blueprint.response(200, ReadinessSchema)
def test_connection(provider_id: str) -> Readiness:
    """Report whether Onfido accepts the token and workflow, what can be verified, and the state of the webhook.

    A refusal by Onfido is a failed check, and not an error. Each check says what to do.
    """
    return _setup().test(g.tenant, provider_id, current_app.config["PUBLIC_URL"])


@blueprint.post("/<provider_id>/webhook")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.WEBHOOK_REFUSED, *ONFIDO)
@blueprint.response(200, WebhookSchema)
@blueprint.alt_response(201, schema=WebhookSchema, description="It was created.")
def add_webhook(provider_id: str) -> tuple[Webhook, int]:
    """Register the webhook at Onfido, or repair the existing one, and register its token here.

    The events are those that the provider's use of Studio needs. The call may be repeated.
    """
    added = _setup().add_webhook(g.tenant, provider_id, current_app.config["PUBLIC_URL"], g.principal.actor)
    return added, 201 if added.is_new else 200


@blueprint.delete("/<provider_id>/webhook")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.WEBHOOK_NOT_FOUND, *ONFIDO)
@blueprint.response(204)
def remove_webhook(provider_id: str) -> None:
    """Delete the webhook at Onfido and its token here, with immediate effect.

    Results then arrive only by polling Onfido, some minutes later.
    """
    _setup().remove_webhook(g.tenant, provider_id, current_app.config["PUBLIC_URL"], g.principal.actor)


def _setup() -> Setup:
    setup: Setup = current_app.extensions["services"].setup
    return setup
