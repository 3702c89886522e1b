"""The configuration of an identity verification provider (IdVP), and its validation."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connector.domain.applicant import name_objection
from connector.domain.applicant_values import REPEAT
from connector.domain.claims import APPLICANT_FIELDS, REQUIRED_FIELDS
from connector.domain.colors import accent_objection
from connector.domain.credentials import MASK, ClientCredentials, Credentials, region_objection, tidy_token
from connector.domain.ids import UUID
from connector.domain.messages import message
from connector.domain.notices import secret_objection
from connector.domain.studio import Studio
from connector.domain.tenancy import DEFAULT_TENANT, tenant_path
from connector.domain.text import fold, is_blank, is_label
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

PROVIDER_TYPE = "ONFIDO"
DEFAULT_BASE_URL = "https://api.eu.onfido.com/v3.6"
DEFAULT_MAX_ATTEMPTS = 5
MOST_ATTEMPTS = 1000
LONGEST_WINDOW = 366 * 86_400
DEFAULT_ATTEMPT_WINDOW = 86_400
MAX_NAME = 255
LEAST_WEBHOOK_TOKEN = 16  # characters
NO_CONTROLS = message("must not contain control characters, line separators or direction marks")
# The secrets of a configuration by their fields, with the property names in the API.
SECRETS = {
    "api_token": "token",
    "client_secret": "client_secret",
    "webhook_token": "webhook_token",
    "notice_secret": "notice_secret",
}


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Condition:
    """One term of a filter on providers, ignoring case.

    `attribute` is id, name, type, description or is_enabled; `operator` is eq, sw (starts with), ew (ends with) or co
    (contains).
    """

    attribute: str
    operator: str
    value: str | bool


@dataclass(frozen=True)
class SetupGuide:
    """The data to enter in Onfido's dashboard for a provider."""

    webhook_url: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class BaseUrlPolicy:
    """The addresses that may receive API tokens: https to the listed hosts; plain http to loopback for development."""

    hosts: Collection[str]
    allows_http_loopback: bool = False

    def check(self, base_url: str) -> None:
        """Raise `InvalidField` with the reason if a base URL is not allowed."""
        policy = UrlPolicy(self.hosts, self.allows_http_loopback, "allowed_base_url_hosts", allows_query=False)
        if reason := policy.objection(base_url):
            raise InvalidField(
                "configProperties.base_url", message("%(reason)s (the API token is sent there)", reason=reason)
            )


def check_config(config: ProviderConfig, policy: BaseUrlPolicy) -> None:
    """Raise `InvalidField` for a configuration that could never verify anyone, naming the field."""
    if is_blank(config.name) or len(config.name) > MAX_NAME:
        raise InvalidField(
            "name", message("must not be empty, and have at most %(max_name)s characters", max_name=MAX_NAME)
        )
    if not is_label(config.name):
        raise InvalidField("name", NO_CONTROLS)
    _check_image(config.image)
    _check_secrets(config)
    for name, number, most in (
        ("max_attempts", config.max_attempts, MOST_ATTEMPTS),
        ("attempt_window", config.attempt_window, LONGEST_WINDOW),
    ):
        if not 1 <= number <= most:
            raise InvalidField(f"configProperties.{name}", message("must be a number from 1 to %(most)s", most=most))
    if config.accent_color is not None and (why := accent_objection(config.accent_color)):
        raise InvalidField("configProperties.accent_color", why)
    _check_workflow_id(config.workflow_id)
    policy.check(config.base_url)
    _check_mapping(config.claims)
    if config.missing_name is not None and (why := name_objection(config.missing_name)):
        raise InvalidField(
            "configProperties.missing_name",
            message("must be %(repeat)s, or a placeholder for a name, but %(why)s", repeat=REPEAT, why=why),
        )


def tidied(config: ProviderConfig) -> ProviderConfig:
    """Return a configuration with a cleaned token, without text that was pasted along with it."""
    return config if config.api_token is None else replace(config, api_token=tidy_token(config.api_token))


def without_masks(config: ProviderConfig) -> ProviderConfig:
    """Return a configuration in which a secret that was sent back masked is None, so that the stored one is kept."""
    masked: Any = {name: None for name in SECRETS if getattr(config, name) == MASK}
    return replace(config, **masked)


def refuse_masks(config: ProviderConfig) -> None:
    """Raise `InvalidField` for a mask if no secret is stored yet."""
    for name, key in SECRETS.items():
        if getattr(config, name) == MASK:
            raise InvalidField(f"configProperties.{key}", message("must be the secret itself, not its mask"))


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


def _check_secrets(config: ProviderConfig) -> None:
    if config.api_token is not None and (config.client_id or config.client_secret) is not None:
        raise InvalidField(
            "configProperties", message("must have a token, or a client_id with its client_secret, not both")
        )
    for name in ("api_token", "client_id", "client_secret", "webhook_token"):
        value = getattr(config, name)
        if value is not None and not (value and value.isascii() and value.isprintable() and value.strip() == value):
            raise InvalidField(
                f"configProperties.{SECRETS.get(name, name)}", message("must be printable ASCII, as Onfido displays it")
            )
    if config.webhook_token is not None and len(config.webhook_token) < LEAST_WEBHOOK_TOKEN:
        why = message(
            "must have at least %(least_webhook_token)s characters, like Onfido's webhook tokens",
            least_webhook_token=LEAST_WEBHOOK_TOKEN,
        )
        raise InvalidField("configProperties.webhook_token", why)
    _check_notice_secret(config.notice_secret)


def choose_credentials(config: ProviderConfig, known: Credentials | None) -> Credentials:
    """Return the credentials in a configuration, or the known ones if it has none.

    The secret of a known client is kept, but not for another client. Raises `InvalidField` if some are missing.
    """
    if config.api_token is not None:
        return config.api_token
    if config.client_id is None and config.client_secret is None and known is not None:
        return known
    stored = known if isinstance(known, ClientCredentials) else None
    client_id = config.client_id or (stored.client_id if stored else None)
    is_same = stored is not None and stored.client_id == client_id
    client_secret = config.client_secret or (stored.client_secret if stored and is_same else None)
    if client_id is None and client_secret is None:
        why = message("must be given: an API token from Onfido's dashboard, or client_id and client_secret instead")
        raise InvalidField("configProperties.token", why)
    if client_id is None:
        raise InvalidField("configProperties.client_id", message("must be given with client_secret"))
    if client_secret is None:
        raise InvalidField("configProperties.client_secret", message("must be given with this client_id"))
    return ClientCredentials(client_id, client_secret)


def check_region(credentials: Credentials, base_url: str) -> None:
    """Raise `InvalidField` for a token whose prefix names another region than the base URL."""
    if isinstance(credentials, str) and (why := region_objection(credentials, base_url)):
        raise InvalidField("configProperties.token", why)


def _check_workflow_id(workflow_id: str) -> None:
    if not UUID.fullmatch(workflow_id):
        raise InvalidField("configProperties.workflow_id", message("must be the workflow's UUID, from Onfido Studio"))


def _check_notice_secret(secret: str | None) -> None:
    if secret is not None and (why := secret_objection(secret)):
        raise InvalidField("configProperties.notice_secret", why)


def _check_image(image: str) -> None:
    """Check for an address that a browser may load as a picture: an https URL, a path or a file's name."""
    # browsers may read anything before a colon in front of the path as a scheme
    scheme = re.match(r"[^/?#]*:", image.strip())
    is_https = re.match(r"https://[^/?#\\]", image, re.IGNORECASE) is not None
    if not is_label(image) or (scheme and not is_https) or re.match(r"[\s/\\]*[/\\][/\\]", image):
        raise InvalidField("image", message("must be an https URL, a path or a name"))


def _check_mapping(claims: Mapping[str, str]) -> None:
    for uri, applicant_field in claims.items():
        if is_blank(uri):
            raise InvalidField("claims", message("a local claim must not be empty"))
        if not is_label(uri):
            raise InvalidField("claims", message("a local claim %(no_controls)s", no_controls=NO_CONTROLS))
        if applicant_field not in APPLICANT_FIELDS:
            known = ", ".join(sorted(APPLICANT_FIELDS))
            raise InvalidField(
                "claims",
                message(
                    "%(uri)s must be mapped to an applicant field (%(known)s), not to %(applicant_field)s",
                    uri=uri,
                    known=known,
                    applicant_field=applicant_field,
                ),
            )
    fields = list(claims.values())
    for required in REQUIRED_FIELDS:
        if required not in fields:
            raise InvalidField(
                "claims",
                message(
                    "must map a claim to %(required)s, which Onfido requires of every applicant", required=required
                ),
            )
    if doubled := {name for name in fields if fields.count(name) > 1 and name not in REQUIRED_FIELDS}:
        raise InvalidField(
            "claims",
            message(
                "must map one claim to %(doubled)s; only names are joined from several",
                doubled=", ".join(sorted(doubled)),
            ),
        )
