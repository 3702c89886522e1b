"""The clients of the OpenID provider: identity providers and applications that send people to be verified."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.openid import keys
from connector.domain.text import is_blank
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

OKTA, IDA = "okta", "ida"  # formats of the result
PROFILES = (OKTA, IDA)
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
KEY_METHOD = "private_key_jwt"
MAX_NAME, MAX_URI, MAX_URIS = 100, 2000, 20


@frozen
class ClientConfig:
    """A client as an administrator describes it.

    `claims` are OpenID's names of the claims that it may request; without any, all that the provider verifies. With
    `keys`, its public keys as JWKs, it authenticates by signed assertions, otherwise by a secret. Only a client that
    `allows_sandbox` gets results of Onfido's sandbox, which checks no documents.
    """

    name: str
    profile: str
    provider_id: str
    redirect_uris: tuple[str, ...]
    claims: tuple[str, ...] = ()
    keys: tuple[Mapping[str, Any], ...] = ()
    is_enabled: bool = True
    allows_sandbox: bool = False


@frozen
class Client:
    """A client as it is stored; `digests` are those of its valid secrets."""

    client_id: str
    tenant: str
    config: ClientConfig
    created_at: datetime
    updated_at: datetime
    previous_secret_expires_at: datetime | None = None
    digests: tuple[str, ...] = field(default=(), repr=False)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods by which it may authenticate."""
        return (KEY_METHOD,) if self.config.keys else SECRET_METHODS


def check_client(config: ClientConfig, names: Collection[str], policy: UrlPolicy) -> None:
    """Raise `InvalidField` for a client that could never work; `names` are the claims that can be requested."""
    for where, why in _objections(config, names, policy):
        raise InvalidField(where, why)


def _objections(config: ClientConfig, names: Collection[str], policy: UrlPolicy) -> Iterator[tuple[str, str]]:
    if is_blank(config.name) or len(config.name) > MAX_NAME or not config.name.isprintable():
        yield (
            "name",
            message(
                "must have 1 to %(max_name)s printable characters, because users read it before they consent",
                max_name=MAX_NAME,
            ),
        )
    if config.profile not in PROFILES:
        yield "profile", message("must be %(profiles)s", profiles=" or ".join(PROFILES))
    if not 1 <= len(config.redirect_uris) <= MAX_URIS:
        yield "redirectUris", message("must have 1 to %(max_uris)s URIs", max_uris=MAX_URIS)
    for why in filter(None, (_uri_objection(uri, policy) for uri in config.redirect_uris)):
        yield "redirectUris", why
    if unknown := [name for name in config.claims if name not in names]:
        yield (
            "claims",
            message("must be of %(names)s, not %(unknown)s", names=", ".join(sorted(names)), unknown=f"{unknown[0]!r}"),
        )
    if refusal := keys.objection(config.keys):
        yield "keys", refusal


def _uri_objection(uri: str, policy: UrlPolicy) -> str | None:
    if len(uri) > MAX_URI or not uri.isascii():
        return message("must have URIs of at most %(max_uri)s ASCII characters", max_uri=MAX_URI)
    return policy.objection(uri)
