"""Testing a configuration at Onfido before it is saved: region, token, environment and workflow.

For a secret that is left out, or masked, the stored one is used. It is sent only to the base URL, whose host is checked
as when saving. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from connector.domain.providers.credentials import ClientCredentials, Credentials, environment_of
from connector.domain.providers.provider import Provider, ProviderConfig
from connector.domain.providers.provider_rules import check_region, choose_credentials
from connector.domain.providers.readiness import (
    REGION,
    TOKEN,
    WORKFLOW,
    Readiness,
    check_claims,
    check_environment,
    not_checked,
)
from connector.domain.studio.studio import Studio
from connector.domain.tenancy import Tenant
from connector.errors import OnfidoError
from connector.services.providers.checks import check_workflow, reach
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.providers.rules import ConfigurationRules
from connector.services.providers.webhook import ProviderWebhook
from connector.services.timing import Timing
from connector.services.use_case import use_case


@use_case
class Trials:
    """Tests configurations; each method raises `InvalidField` as saving would, except for a name that is taken."""

    _providers: Providers
    _rules: ConfigurationRules
    _stored: Callable[[Provider], Credentials]
    _onfido: Onfido
    _timing: Timing

    def of_new(self, tenant: Tenant, config: ProviderConfig) -> Readiness:
        """Test the configuration of a provider that does not exist yet."""
        config = self._rules.new(config)
        return self._try(_candidate(tenant, config), config, None)

    def of_change(self, tenant: Tenant, provider_id: str, config: ProviderConfig) -> Readiness:
        """Test a changed configuration of a provider; raise `RequestError` if there is no such provider."""
        provider = self._providers.get(tenant, provider_id)
        config = self._rules.change_of(provider, config)
        changed = replace(
            provider,
            claims=config.claims,
            workflow_id=config.workflow_id,
            base_url=config.base_url,
            studio=config.studio or provider.studio,
        )
        return self._try(changed, config, self._stored(provider))

    def has_other_access(self, tenant: Tenant, provider_id: str, config: ProviderConfig) -> bool:
        """Whether a provider would have other credentials, or another base URL."""
        provider = self._providers.get(tenant, provider_id)
        config, known = self._rules.changed(config), self._stored(provider)
        return (choose_credentials(config, known), config.base_url) != (known, provider.base_url)

    def _try(self, provider: Provider, config: ProviderConfig, known: Credentials | None) -> Readiness:
        credentials = choose_credentials(config, known)
        check_region(credentials, config.base_url)
        client_id = credentials.client_id if isinstance(credentials, ClientCredentials) else None
        onfido = self._onfido.with_credentials(credentials, config.base_url, self._timing.interactive())
        account = ProviderWebhook(replace(provider, client_id=client_id), onfido, None, "", None)
        region, token = reach(account)
        environment = _environment(credentials, account, is_accepted=token.passed is True)
        why = f"the check of the {TOKEN if region.passed else REGION} failed"
        workflow = check_workflow(account) if token.passed else not_checked(WORKFLOW, why)
        checks = (region, token, check_environment(environment), workflow, check_claims(account.provider))
        return Readiness(environment, checks)


def _environment(credentials: Credentials, account: ProviderWebhook, *, is_accepted: bool) -> str | None:
    """Return the environment of credentials; if they do not show it, that of one of their applicants."""
    if isinstance(credentials, str) and (named := environment_of(credentials)):
        return named
    if is_accepted:
        with suppress(OnfidoError):
            return account.onfido.find_environment()
    return None


def _candidate(tenant: Tenant, config: ProviderConfig) -> Provider:
    return Provider(
        provider_id="",
        tenant=tenant.name,
        name=config.name,
        description=config.description,
        image=config.image,
        is_enabled=config.is_enabled,
        claims=config.claims,
        workflow_id=config.workflow_id,
        base_url=config.base_url,
        max_attempts=config.max_attempts,
        attempt_window=config.attempt_window,
        has_webhook_token=False,
        previous_webhook_token_expires_at=None,
        studio=config.studio or Studio(),
    )
