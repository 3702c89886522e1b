"""Opening a remote directory: its kind, its dialect and its login, as configured."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import urlsplit

from connector.directory import RemoteDirectory
from connector.directory.credentials import Client, ClientCredentials, Credentials, Fixed, basic, bearer
from connector.directory.dialects import Dialect, P, read_keycloak, read_scim, read_userinfo
from connector.directory.exchange import Exchange
from connector.directory.keycloak import KeycloakDirectory
from connector.directory.limits import Budget, Limits
from connector.directory.paths import parse_scim
from connector.directory.scim import ScimDirectory
from connector.directory.signed_answers import SignedAnswers
from connector.directory.userinfo import UserInfoDirectory
from connector.domain.tenancy import KEYCLOAK, SCIM, DirectoryChoice
from connector.errors import ConfigurationError
from connector.http.client import HttpClient
from connector.shipped import directory_dialect


def open_directory(
    choice: DirectoryChoice,
    proxy: str = "",
    places: int = 4,
    shared: threading.BoundedSemaphore | None = None,
    signed: SignedAnswers | None = None,
) -> RemoteDirectory:
    """Return a remote directory, without calling it; raises `ConfigurationError`."""
    http, dialect = HttpClient(ca_file=choice.ca_file, proxy=proxy), _dialect_file(choice.dialect)
    limits = Limits(urlsplit(choice.url).netloc, seconds=choice.timeout, places=places, shared=shared)
    exchange = Exchange(http, choice.url, _credentials(http, choice), limits)
    if choice.kind == SCIM:
        try:
            look_up_by = parse_scim(choice.look_up_by)
        except ValueError as error:
            raise ConfigurationError(f"look_up_by {error}.") from None
        return ScimDirectory(exchange, _with_status(choice, read_scim(dialect)), look_up_by)
    if choice.kind == KEYCLOAK:
        return KeycloakDirectory(exchange, _with_status(choice, read_keycloak(dialect)), choice.look_up_by)
    return UserInfoDirectory(exchange, read_userinfo(dialect), choice.look_up_by, signed)


def _with_status(choice: DirectoryChoice, dialect: Dialect[P]) -> Dialect[P]:
    """Check that there is an attribute for the status if it is to be written."""
    if choice.writes_status and not dialect.status_paths:
        raise ConfigurationError(
            f"The claim dialect {choice.dialect} must name an attribute in [{choice.kind}.status] or "
            f"[{choice.kind}.claim_status], because writes_status is set."
        )
    return dialect


def open_login(choice: DirectoryChoice, proxy: str = "") -> None:
    """Request an access token for a directory; raises `DirectoryError` if none is granted."""
    http = HttpClient(ca_file=choice.ca_file, proxy=proxy)
    _credentials(http, choice).header(Budget(urlsplit(choice.login.token_url).netloc, choice.timeout))


def _credentials(http: HttpClient, choice: DirectoryChoice) -> Credentials:
    login = choice.login
    if login.token_url:
        client = Client(
            token_url=login.token_url,
            client_id=login.client_id,
            secret=login.client_secret,
            scope=login.scope,
            sends_secret_in_body=login.sends_secret_in_body,
            parameters={"audience": login.audience} if login.audience else {},
        )
        return ClientCredentials(http, client)
    if login.username:
        return basic(login.username, login.password)
    return bearer(login.bearer_token) if login.bearer_token else Fixed("")


def _dialect_file(name: str) -> Path:
    """Return a dialect's file: an included one by name, any other by path."""
    return Path(name) if "/" in name or name.endswith(".toml") else directory_dialect(name)
