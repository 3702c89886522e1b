"""`/api/server/v1/idv-providers/{id}/…`: an administrator tests the connection and registers the webhook at Onfido."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import ONFIDO
from connector.api.parsing import Blueprint
from connector.api.providers import PREFIX, read_config
from connector.api.shapes.dry_run import RemappingImpactSchema, RemappingSchema, read_mapping
from connector.api.shapes.health import HealthListSchema, HealthSchema, health_body, health_list_body
from connector.api.shapes.progress import ProgressSchema, progress_body
from connector.api.shapes.provider import ProviderRequestSchema
from connector.api.shapes.setup import MatchImpactSchema, ReadinessSchema, UsageSchema, WebhookSchema
from connector.domain.providers.readiness import Readiness
from connector.errors import Code
from connector.services.lookup.match_impact import Impact, MatchImpact
from connector.services.lookup.remapping import Remapping, RemappingImpact
from connector.services.providers.health import HealthRecords
from connector.services.providers.progress import SetupProgress
from connector.services.providers.setup import Setup, Webhook
from connector.services.providers.trial import Trials
from connector.services.providers.usage import ProviderUsage, Usage

blueprint = Blueprint(
    "setup", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Setting providers up at Onfido"
)


@blueprint.post("/<provider_id>/test-connection")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)  # it requests a run (without a valid applicant)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.CONFIGURATION_INVALID)
@blueprint.response(200, ReadinessSchema)
def test_connection(provider_id: str) -> Readiness:
    """Report whether Onfido accepts the token and workflow, which claims can be verified, and the state of the webhook.

    A refusal by Onfido is a failed check, not an error. Each check says what to do.
    """
    return _setup().test(g.tenant, provider_id, current_app.config["PUBLIC_URL"])


@blueprint.post("/test-configuration")
@blueprint.requires("internal_idvp_add", lasting=Lasting.ONFIDO)
@blueprint.arguments(ProviderRequestSchema)
@blueprint.response(200, ReadinessSchema)
def test_new_configuration(body: dict[str, Any]) -> Readiness:
    """Test the configuration of a provider at Onfido before it is registered.

    The body is that of the registration, and validated in the same way. Nothing is stored.
    """
    return _trials().of_new(g.tenant, read_config(body))


@blueprint.post("/<provider_id>/test-configuration")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(ProviderRequestSchema)
@blueprint.response(200, ReadinessSchema)
def test_changed_configuration(body: dict[str, Any], provider_id: str) -> Readiness:
    """Test a changed configuration of a provider at Onfido before it is saved.

    The body is that of the change: for a secret that is masked, left out or has no value, the stored one is used.
    Nothing is stored.
    """
    return _trials().of_change(g.tenant, provider_id, read_config(body))


@blueprint.get("/health")
@blueprint.requires("internal_idvp_view")
@blueprint.response(200, HealthListSchema)
def list_health() -> dict[str, Any]:
    """Report the last check of every provider, with its age.

    Onfido is not called: each provider is checked in the background, after each change and every 6 hours.
    """
    return health_list_body(_health().all(g.tenant), _health().now())


@blueprint.get("/<provider_id>/health")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(200, HealthSchema)
def get_health(provider_id: str) -> dict[str, Any]:
    """Report the last check of a provider, with its age.

    Onfido is not called. To check now, test the connection.
    """
    return health_body(_health().of(g.tenant, provider_id), _health().now())


@blueprint.get("/<provider_id>/usage")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(200, UsageSchema)
def get_usage(provider_id: str) -> Usage:
    """Report the number of objects that depend on a provider, before it is disabled or removed.

    Each number is counted up to 1000; 1000 means 1000 or more.
    """
    usage: ProviderUsage = current_app.extensions["services"].provider_usage
    return usage.of(g.tenant, provider_id)


@blueprint.get("/<provider_id>/setup-progress")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(200, ProgressSchema)
def get_setup_progress(provider_id: str) -> dict[str, Any]:
    """Report the setup progress of a provider, step by step.

    Steps are determined from the last check and later events; Onfido is not called. To check now, test the connection.
    """
    progress: SetupProgress = current_app.extensions["services"].setup_progress
    return progress_body(progress.of(g.tenant, provider_id), _health().now())


@blueprint.post("/<provider_id>/webhook")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.WEBHOOK_REFUSED, *ONFIDO)
@blueprint.response(200, WebhookSchema)
@blueprint.alt_response(201, schema=WebhookSchema, description="It was created.")
def add_webhook(provider_id: str) -> tuple[Webhook, int]:
    """Register the webhook at Onfido, or repair the existing one, and register its token here.

    The events are those that the provider's `studio` requires. The call may be repeated.
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


@blueprint.get("/<provider_id>/match-impact")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(200, MatchImpactSchema)
def get_match_impact(provider_id: str) -> Impact:
    """Estimate what `unverifyOnMatch` would have withdrawn in the last 90 days, from the history.

    Only matches are known whose events were subscribed to: for the provider, or for a notice endpoint.
    """
    impact: MatchImpact = current_app.extensions["services"].match_impact
    return impact.estimate(g.tenant, provider_id)


@blueprint.post("/<provider_id>/remapping-impact")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(RemappingSchema)
@blueprint.response(200, RemappingImpactSchema)
def estimate_remapping(body: dict[str, Any], provider_id: str) -> RemappingImpact:
    """Count the verified claims that a draft of the provider's claim mapping affects.

    These are claims that the draft sends as another field or no longer maps. Nothing is changed; after the draft is
    saved, they stay verified as the field that was sent.
    """
    remapping: Remapping = current_app.extensions["services"].remapping
    return remapping.estimate(g.tenant, provider_id, read_mapping(body))


def _trials() -> Trials:
    trials: Trials = current_app.extensions["services"].trials
    return trials


def _health() -> HealthRecords:
    records: HealthRecords = current_app.extensions["services"].health_records
    return records


def _setup() -> Setup:
    setup: Setup = current_app.extensions["services"].setup
    return setup
