"""Wiring of setting up and checking providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.bootstrap.ground import Ground
from connector.bootstrap.part import part
from connector.http.client import HttpClient
from connector.services.providers.health import HealthRecords
from connector.services.providers.health_checks import HealthChecks
from connector.services.providers.setup import Setup
from connector.services.providers.webhook_token import WebhookTokens
from connector.services.providers.withdrawals import Withdrawals

if TYPE_CHECKING:
    from connector.services.providers.progress import SetupProgress
    from connector.services.providers.trial import Trials
    from connector.services.providers.usage import ProviderUsage


class Providing(Ground):
    """Use cases for setting up and checking providers."""

    @part
    def setup(self) -> Setup:
        """Test providers and register their webhooks."""
        webhook_tokens = WebhookTokens(self.database, self._secrets, self._journal, self._clock)
        post = HttpClient(proxy=self.settings.outgoing_proxy).post
        return Setup(self.providers, self.onfido, webhook_tokens, self.health_records, self._timing, post)

    @part
    def trials(self) -> Trials:
        """Test configurations of providers before they are saved."""
        from connector.services.providers.trial import Trials

        return Trials(self.providers, self.configuration_rules, self._secrets.credentials, self.onfido, self._timing)

    @part
    def health_records(self) -> HealthRecords:
        """Store the last check of each provider."""
        return HealthRecords(self.database, self._journal, self._clock)

    @part
    def provider_usage(self) -> ProviderUsage:
        """Count the objects that depend on providers."""
        from connector.services.providers.usage import ProviderUsage

        return ProviderUsage(self.database, self.providers)

    @part
    def setup_progress(self) -> SetupProgress:
        """Report the setup progress of providers."""
        from connector.services.providers.progress import SetupProgress

        return SetupProgress(self.database, self.providers, self.health_records, self._clock)

    @part
    def health_checks(self) -> HealthChecks:
        """Check providers in the background."""
        return HealthChecks(self.database, self.tenants, self.setup, self.settings.public_url, self._clock)

    @part
    def withdrawals(self) -> Withdrawals:
        """Withdraw what the sandbox verified before a provider's credentials left it."""
        return Withdrawals(self.database, self._journal, self._clock)
