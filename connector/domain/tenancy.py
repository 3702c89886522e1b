"""Tenants: organizations that share a deployment and cannot see each other's data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import field
from typing import Protocol

from connector.domain.assurance import Assurance
from connector.domain.frozen import frozen, replace
from connector.domain.signals import SignalChoice

DEFAULT_TENANT = "carbon.super"  # WSO2 Identity Server's name of the default tenant
LOCAL, SCIM, KEYCLOAK, USERINFO = "local", "scim", "keycloak", "userinfo"  # kinds of directories; the first is embedded
KEEP, UNVERIFY, REMOVE = "keep", "unverify", "remove"  # settings for a user whom the directory no longer has


@frozen
class DirectoryLogin:
    """The connector's authentication at a directory: by a bearer token, a password, or a client's secret."""

    bearer_token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    sends_secret_in_body: bool = False
    scope: str = ""
    audience: str = ""


@frozen
class DirectoryChoice:
    """The directory of a tenant's users; the embedded one needs none of the other members.

    `dialect` is a file that maps claims to attributes. `look_up_by` is the attribute with the users' ids. `timeout`
    limits all calls of one request, in seconds; `check_interval` is the time between two passes over the verified
    users, 0: none. A signed answer of UserInfo must have one of `answer_audiences`, if there are any, in `aud`.
    """

    kind: str = LOCAL
    url: str = ""
    dialect: str = ""
    look_up_by: str = ""
    login: DirectoryLogin = DirectoryLogin()
    ca_file: str = ""
    timeout: float = 10.0
    check_interval: int = 0
    checks_per_minute: int = 300
    gone_users: str = UNVERIFY
    writes_status: bool = False
    answer_audiences: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether it is the embedded one."""
        return self.kind == LOCAL

    @property
    def needs_the_user(self) -> bool:
        """Whether values can be read only with the user's own access token."""
        return self.kind == USERINFO


@frozen
class TenantLimits:
    """The limits of a tenant; None: no limit besides the general one.

    At most `calls` long calls may be in progress, and `calls_of_a_user` of each user. A user has at most `attempts`
    within a provider's window.
    """

    calls: int | None = None
    calls_of_a_user: int | None = None
    attempts: int | None = None


@frozen
class Tenant:
    """A tenant, as the settings describe it; it is resolved once, from a request, a command or a stored row."""

    name: str
    directory: DirectoryChoice = DirectoryChoice()
    limits: TenantLimits = TenantLimits()
    allowed_origins: frozenset[str] = frozenset()
    assurance: Assurance = field(default_factory=Assurance)
    signals: SignalChoice = field(default_factory=SignalChoice)

    @property
    def path(self) -> str:
        """The prefix of its paths."""
        return tenant_path(self.name)


class OfProvider(Protocol):
    """A stored record that belongs to a provider of a tenant."""

    @property
    def tenant(self) -> str:
        """The tenant's name."""

    @property
    def provider_id(self) -> str:
        """The provider's id."""


class Tenants:
    """The tenants of a deployment, by name; one that is not configured has the settings of `other`."""

    def __init__(self, configured: Iterable[Tenant] = (), other: Tenant = Tenant("")) -> None:
        self._configured = {each.name: each for each in configured}
        self._other = other

    @property
    def configured(self) -> Collection[Tenant]:
        """The tenants that the settings describe."""
        return self._configured.values()

    def named(self, name: str) -> Tenant:
        """Return the tenant of that name."""
        return self._configured.get(name) or replace(self._other, name=name)

    def directory_of(self, name: str) -> DirectoryChoice:
        """Return the directory of the tenant of that name."""
        return (self._configured.get(name) or self._other).directory


def tenant_path(tenant: str) -> str:
    """Return the prefix of the paths of the tenant of that name."""
    return "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
