"""The validation of a provider's configuration; each refusal names the field and its requirement."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from connector.domain.claims import APPLICANT_FIELDS, MAX_CLAIM, REQUIRED_FIELDS
from connector.domain.frozen import frozen
from connector.domain.ids import UUID
from connector.domain.messages import message
from connector.domain.notices import secret_objection
from connector.domain.providers.applicant import name_objection
from connector.domain.providers.applicant_values import REPEAT
from connector.domain.providers.colors import accent_objection
from connector.domain.providers.credentials import MASK, ClientCredentials, Credentials, region_objection
from connector.domain.providers.provider import LONGEST_WINDOW, MAX_NAME, MOST_ATTEMPTS, SECRETS, ProviderConfig
from connector.domain.text import is_blank, is_label
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

LEAST_WEBHOOK_TOKEN = 16  # characters
NO_CONTROLS = message("must not contain control characters, line separators or direction marks")


@frozen
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


def refuse_masks(config: ProviderConfig) -> None:
    """Raise `InvalidField` for a mask if no secret is stored yet."""
    for name, key in SECRETS.items():
        if getattr(config, name) == MASK:
            raise InvalidField(f"configProperties.{key}", message("must be the secret itself, not its mask"))


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
    if len(config.client_id or "") > MAX_NAME:
        why = message("must have at most %(most)s characters", most=MAX_NAME)
        raise InvalidField("configProperties.client_id", why)
    if config.webhook_token is not None and len(config.webhook_token) < LEAST_WEBHOOK_TOKEN:
        why = message(
            "must have at least %(least_webhook_token)s characters, like Onfido's webhook tokens",
            least_webhook_token=LEAST_WEBHOOK_TOKEN,
        )
        raise InvalidField("configProperties.webhook_token", why)
    _check_notice_secret(config.notice_secret)


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


def _check_claim(uri: str) -> None:
    if is_blank(uri):
        raise InvalidField("claims", message("a local claim must not be empty"))
    if len(uri) > MAX_CLAIM:
        raise InvalidField("claims", message("a local claim must have at most %(most)s characters", most=MAX_CLAIM))
    if not is_label(uri):
        raise InvalidField("claims", message("a local claim %(no_controls)s", no_controls=NO_CONTROLS))


def _check_mapping(claims: Mapping[str, str]) -> None:
    for uri, applicant_field in claims.items():
        _check_claim(uri)
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
