"""Setting up a provider at Onfido: the connection test, and creating, repairing and removing its webhook.

    list our URL's webhooks ──► none usable: create one ─┐
                            └─► one: repair it ──────────┴─► register its token here ──► delete our URL's others
                                                                └─► another call was faster: delete what was
                                                                    created, and start again with its result

The token is registered here by compare-and-set, which decides between concurrent calls: one of the webhooks that they
created is registered, and each other call deletes its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from connector.domain.audit.history import SYSTEM
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.health import CONFIGURATION, with_last_probe
from connector.domain.providers.provider import Provider, setup_guide
from connector.domain.providers.readiness import (
    REGION,
    TOKEN,
    WEBHOOK,
    WORKFLOW,
    Check,
    Readiness,
    check_claims,
    check_environment,
    not_checked,
    webhook_objection,
)
from connector.domain.tenancy import Tenant
from connector.errors import Code, OnfidoError, RequestError
from connector.services.providers.checks import check_webhook, check_workflow, reach
from connector.services.providers.delivery import Post, check_delivery
from connector.services.providers.health import HealthRecords
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.providers.webhook import ProviderWebhook, choose
from connector.services.providers.webhook_token import CREATED, KEPT, REMOVED, REPAIRED, WebhookTokens
from connector.services.timing import Deadline, Timing, background
from connector.services.use_case import use_case


@frozen
class Webhook:
    """Our webhook as it is at Onfido now; its token is registered here."""

    webhook_id: str
    url: str
    events: Sequence[str]
    environments: Sequence[str]
    is_new: bool


@frozen
class ProviderFacts:
    """The environment, the age of the credentials, and the time of Onfido's last event."""

    environment: str | None
    ignored_sandbox_results: int
    credentials_set_at: datetime | None
    last_event_at: datetime | None


@use_case
class Setup:
    """Tests providers and registers their webhooks; each method takes the tenant.

    `public_url` is the URL under which Onfido reaches the connector. A stored configuration may have become unusable:
    then every method raises `RequestError` (OIDV-10016), as a verification would.
    """

    _providers: Providers
    _onfido: Onfido
    _webhook_tokens: WebhookTokens
    _health: HealthRecords
    _timing: Timing
    _post: Post

    def test(self, tenant: Tenant, provider_id: str, public_url: str, *, probes_delivery: bool = True) -> Readiness:
        """Check everything that a verification depends on, and record it.

        A refusal by Onfido is a result, not an error. With `probes_delivery`, an event is posted to our own URL, for
        which a server must be running.
        """
        with self._health.checking(provider_id):
            return self._test(tenant, provider_id, public_url, self._timing.interactive(), probes_delivery)

    def test_in_background(self, tenant: Tenant, provider_id: str, public_url: str, seconds: float) -> None:
        """Run and record the same checks, unless a check is in progress, or the provider was removed.

        An unusable stored configuration is recorded as well.
        """
        with self._health.checking(provider_id) as is_alone, suppress(RequestError):
            if is_alone:
                self._test(tenant, provider_id, public_url, background(seconds), probes_delivery=False)

    def _test(
        self, tenant: Tenant, provider_id: str, public_url: str, deadline: Deadline, probes_delivery: bool
    ) -> Readiness:
        provider, began_at = self._providers.get(tenant, provider_id), self._health.now()
        try:
            readiness = self._check(self._account(provider, public_url, deadline), probes_delivery)
            if not probes_delivery:
                readiness = with_last_probe(readiness, self._health.of(tenant, provider_id))
        except RequestError as error:
            failed = Check(CONFIGURATION, False, error.description)
            self._health.record(provider, Readiness(provider.environment, (failed,)), began_at)
            raise
        self._health.record(provider, readiness, began_at)
        return readiness

    def _check(self, account: ProviderWebhook, probes_delivery: bool) -> Readiness:
        region, token = reach(account)
        if token.passed:
            workflow, webhook = check_workflow(account), check_webhook(account)
        else:
            why = f"the check of the {TOKEN if region.passed else REGION} failed"
            workflow, webhook = not_checked(WORKFLOW, why), not_checked(WEBHOOK, why)
        known = self._environment(account) if token.passed else account.environment
        ignored = self._providers.count_sandbox_results(replace(account.provider, environment=known))
        environment, claims = check_environment(known, ignored), check_claims(account.provider)
        checks = [region, token, environment, workflow, claims, webhook]
        if probes_delivery:
            checks.append(check_delivery(account, self._webhook_tokens.last_event_at(account.provider), self._post))
        return Readiness(known, tuple(checks))

    def _environment(self, account: ProviderWebhook) -> str | None:
        """Return the environment of credentials; if they do not show it, that of one of their applicants."""
        if account.environment is not None:
            return account.environment
        with suppress(OnfidoError):
            environment = account.onfido.find_environment()
            self._providers.learn_environment(account.provider, environment)
            return environment
        return None

    def facts(self, provider: Provider) -> ProviderFacts:
        """Return the known facts about a provider's credentials and Onfido's events."""
        return ProviderFacts(
            provider.environment,
            self._providers.count_sandbox_results(provider),
            provider.credentials_set_at,
            self._webhook_tokens.last_event_at(provider),
        )

    def add_webhook(self, tenant: Tenant, provider_id: str, public_url: str, actor: str = SYSTEM) -> Webhook:
        """Register our webhook at Onfido, or repair the existing one, and register its token here.

        Raises `RequestError` if Onfido could not post to our URL, and `OnfidoError`.
        """
        deadline = self._timing.interactive()
        while True:  # repeated after every concurrent call that was faster, until the deadline
            account = self._open(tenant, provider_id, public_url, deadline)
            if objection := webhook_objection(account.provider, account.url):
                raise RequestError(Code.CONFIGURATION_INVALID, objection)
            if made := self._register(account, actor):
                return made

    def remove_webhook(self, tenant: Tenant, provider_id: str, public_url: str, actor: str = SYSTEM) -> None:
        """Delete our webhook at Onfido and remove its token here at once, including the previous one.

        Raises `RequestError` if neither exists, and `OnfidoError`. A webhook that is registered meanwhile is kept.
        """
        account = self._open(tenant, provider_id, public_url, self._timing.interactive())
        ours = account.webhooks()
        if not ours and account.token is None:
            raise RequestError(
                Code.WEBHOOK_NOT_FOUND,
                message("Onfido has no webhook with the URL %(url)s: add it first.", url=account.url),
            )
        for webhook in ours:
            account.delete(webhook)
        self._webhook_tokens.change_webhook_token(account.provider, account.token, None, REMOVED, actor)

    def _open(self, tenant: Tenant, provider_id: str, public_url: str, deadline: Deadline) -> ProviderWebhook:
        return self._account(self._providers.get(tenant, provider_id), public_url, deadline)

    def _account(self, provider: Provider, public_url: str, deadline: Deadline) -> ProviderWebhook:
        return ProviderWebhook(
            provider=provider,
            onfido=self._onfido.of_provider(provider, deadline),
            environment=provider.environment,
            url=setup_guide(provider, public_url).webhook_url,
            token=self._webhook_tokens.webhook_token(provider),
        )

    def _register(self, account: ProviderWebhook, actor: str) -> Webhook | None:
        """Register our webhook; None if another call registered one since the account was opened."""
        ours = account.webhooks()
        webhook, what = choose(ours, account.token), KEPT
        if webhook is None:
            webhook, what = account.create(), CREATED
        elif not account.is_exact(webhook):
            account.repair(webhook)
            what = REPAIRED
        token = webhook.token or account.token
        if not self._webhook_tokens.change_webhook_token(account.provider, account.token, token, what, actor):
            if what == CREATED:
                account.delete(webhook)
            return None
        for other in ours:
            if other != webhook:
                account.delete(other)
        events, environments = account.provider.events, sorted(account.environments)
        return Webhook(webhook.webhook_id, account.url, events, environments, is_new=what == CREATED)
