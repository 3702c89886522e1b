"""The configuration of an identity verification provider (IdVP); `provider_rules.py` validates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.providers.credentials import MASK, tidy_token
from connector.domain.studio.studio import Studio
from connector.domain.tenancy import DEFAULT_TENANT, tenant_path
from connector.domain.text import fold

PROVIDER_TYPE = "ONFIDO"
DEFAULT_BASE_URL = "https://api.eu.onfido.com/v3.6"
DEFAULT_MAX_ATTEMPTS = 5
MOST_ATTEMPTS = 1000
LONGEST_WINDOW = 366 * 86_400
DEFAULT_ATTEMPT_WINDOW = 86_400
MAX_NAME = 255
# The secrets of a configuration by their fields, with the property names in the API.
SECRETS = {
    "api_token": "token",
    "client_secret": "client_secret",
    "webhook_token": "webhook_token",
    "notice_secret": "notice_secret",
}


@frozen
class ProviderConfig:
    """A provider's configuration as an administrator sends it.

    `claims` maps local claim URIs to applicant fields. A user may start `max_attempts` runs within `attempt_window`
    (seconds). `missing_name` is sent as the other name of a person with only one: `repeat` (the name again) or a
    placeholder; None: such a person cannot be verified. `accent_color` is that of the user's page. `client_id` and
    `client_secret` replace `api_token`. If one of these, another secret or `studio` is None, the stored one is kept.
    """

    name: str
    is_enabled: bool
    claims: Mapping[str, str]
    workflow_id: str
    base_url: str = DEFAULT_BASE_URL
    description: str = ""
    image: str = ""
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    attempt_window: int = DEFAULT_ATTEMPT_WINDOW
    missing_name: str | None = None
    accent_color: str | None = None
    api_token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    webhook_token: str | None = field(default=None, repr=False)
    notice_secret: str | None = field(default=None, repr=False)
    studio: Studio | None = None


@frozen
class Provider:
    """A registered provider; of its secrets it has only the encrypted credentials at Onfido: a token, or client
    credentials.

    `environment` is that of the credentials, None if it is not known yet. `notifies_of_tasks` and
    `notifies_of_matches`: whether further notice endpoints have chosen these events.
    """

    provider_id: str
    tenant: str
    name: str
    description: str
    image: str
    is_enabled: bool
    claims: Mapping[str, str]
    workflow_id: str
    base_url: str
    max_attempts: int
    attempt_window: int
    has_webhook_token: bool
    previous_webhook_token_expires_at: datetime | None
    has_notice_secret: bool = False
    missing_name: str | None = None
    accent_color: str | None = None
    environment: str | None = None
    client_id: str | None = None
    sealed_api_token: str | None = field(default=None, repr=False)
    sealed_client_secret: str | None = field(default=None, repr=False)
    credentials_set_at: datetime | None = None
    webhook_set_at: datetime | None = None
    notice_secret_set_at: datetime | None = None
    studio: Studio = field(default_factory=Studio)
    notifies_of_tasks: bool = False
    notifies_of_matches: bool = False

    @property
    def events(self) -> tuple[str, ...]:
        """The events of Onfido that are required."""
        return self.studio.events(
            notifies_of_tasks=self.notifies_of_tasks, notifies_of_matches=self.notifies_of_matches
        )

    def limited(self, attempts: int | None) -> Provider:
        """Return the provider with at most this number of attempts, if there is such a limit."""
        return self if attempts is None else replace(self, max_attempts=min(self.max_attempts, attempts))


@frozen
class Condition:
    """One term of a filter on providers, ignoring case.

    `attribute` is id, name, type, description or is_enabled; `operator` is eq, sw (starts with), ew (ends with) or co
    (contains).
    """

    attribute: str
    operator: str
    value: str | bool


@frozen
class SetupGuide:
    """The data to enter in Onfido's dashboard for a provider."""

    webhook_url: str
    steps: tuple[str, ...]


def tidied(config: ProviderConfig) -> ProviderConfig:
    """Return a configuration with a cleaned token, without text that was pasted along with it."""
    return config if config.api_token is None else replace(config, api_token=tidy_token(config.api_token))


def without_masks(config: ProviderConfig) -> ProviderConfig:
    """Return a configuration in which a secret that was sent back masked is None, so that the stored one is kept."""
    masked: Any = {name: None for name in SECRETS if getattr(config, name) == MASK}
    return replace(config, **masked)


def name_key(name: str) -> str:
    """Return the key by which names are unique; it ignores case, spaces and normal forms."""
    return fold(name)


def setup_guide(provider: Provider, public_url: str) -> SetupGuide:
    """Return how to set up the webhook; `public_url` is the URL under which Onfido reaches the connector."""
    url = f"{public_url}{tenant_path(provider.tenant)}/idv/onfido/v1/{provider.provider_id}/verify"
    events = ", ".join(provider.events)
    steps = (
        f"In Onfido's dashboard, under Developers, Webhooks, create a webhook with the URL {url}",
        f"Select the event {events} and the environment (sandbox or live) of your API token.",
        "Copy the webhook's token and set it as the provider's property webhook_token.",
        "In Onfido Studio, let the workflow output the document report's data comparison as data_comparison.",
    )
    return SetupGuide(url, steps)


def webhook_command(provider: Provider) -> str:
    """Return the command that registers or repairs a provider's webhook."""
    tenant = "" if provider.tenant == DEFAULT_TENANT else f" --tenant {provider.tenant}"
    return f"connector provider add-webhook {provider.provider_id}{tenant}"
