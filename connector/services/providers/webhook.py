"""Our webhook in a provider's account at Onfido, created by the connector or manually."""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.frozen import frozen
from connector.domain.providers.provider import Provider
from connector.errors import OnfidoError
from connector.onfido.client import OnfidoClient, RegisteredWebhook
from connector.onfido.subscriptions import ENVIRONMENTS, PAYLOAD_VERSION

WEBHOOK_NAME = "connector"  # its name in Onfido's dashboard


@frozen
class ProviderWebhook:
    """A provider's account at Onfido, and the required properties of our webhook; `token` is registered here."""

    provider: Provider
    onfido: OnfidoClient
    environment: str | None
    url: str
    token: str | None

    @property
    def environments(self) -> frozenset[str]:
        """The environments of the webhook: the API token's, or all if its prefix names none."""
        return frozenset({self.environment}) if self.environment else ENVIRONMENTS

    def webhooks(self) -> list[RegisteredWebhook]:
        """List the webhooks that have our URL."""
        return [each for each in self.onfido.list_webhooks() if each.url == self.url]

    def is_exact(self, webhook: RegisteredWebhook) -> bool:
        """Whether a webhook is subscribed to exactly the required events."""
        has_events = webhook.events == frozenset(self.provider.events)
        has_version = webhook.payload_version in (None, PAYLOAD_VERSION)
        return webhook.is_enabled and has_events and has_version and webhook.environments == self.environments

    def create(self) -> RegisteredWebhook:
        """Create our webhook."""
        return self.onfido.create_webhook(
            url=self.url,
            events=self.provider.events,
            environments=sorted(self.environments),
            name=WEBHOOK_NAME,
        )

    def repair(self, webhook: RegisteredWebhook) -> None:
        """Subscribe a webhook to exactly the required events."""
        self.onfido.update_webhook(
            webhook.webhook_id,
            events=self.provider.events,
            environments=sorted(self.environments),
        )

    def delete(self, webhook: RegisteredWebhook) -> None:
        """Delete a webhook; if it does not exist any more, this succeeds."""
        try:
            self.onfido.delete_webhook(webhook.webhook_id)
        except OnfidoError as error:
            if not error.is_gone:
                raise


def choose(ours: Sequence[RegisteredWebhook], known: str | None) -> RegisteredWebhook | None:
    """Choose the webhook to keep: the one whose token is registered here, otherwise one whose token Onfido returns.

    If Onfido returns no tokens, a single webhook is assumed to have the token registered here, if there is one.
    """
    with_token = [each for each in ours if each.token is not None]
    if with_token:
        return next((each for each in with_token if each.token == known), with_token[0])
    return ours[0] if len(ours) == 1 and known is not None else None
