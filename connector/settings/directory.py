"""The settings of a tenant's user directory: its kind, and the members that this kind needs or allows."""

from __future__ import annotations

from dataclasses import fields

from connector.domain.frozen import frozen
from connector.domain.tenancy import (
    KEEP,
    KEYCLOAK,
    LOCAL,
    REMOVE,
    SCIM,
    UNVERIFY,
    USERINFO,
    DirectoryChoice,
    DirectoryLogin,
)
from connector.errors import ConfigurationError
from connector.settings import checks
from connector.settings.fields import Checked, setting
from connector.settings.secret import read_secret, secret_reference

_BASIC, _POST = "client_secret_basic", "client_secret_post"
_DAY = 86_400
_DIALECTS = {SCIM: "scim", KEYCLOAK: "keycloak", USERINFO: "oidc"}
_LOOK_UP_BY = {SCIM: "id", KEYCLOAK: "id", USERINFO: "sub"}
_OF_ALL = frozenset({"kind", "url", "dialect", "look_up_by", "ca_file", "timeout"})
_AUDIENCES = "answer_audiences"
_LOGINS = {"bearer_token": ("bearer_token",), "username": ("username", "password"), "token_url": ("client_id",)}


@frozen
class DirectorySettings(Checked):
    """The source of the values of a tenant's users."""

    kind: str = setting(
        LOCAL,
        "local: users and values are kept here; scim: a SCIM 2 server; keycloak: Keycloak's Admin REST API; userinfo: "
        "an OpenID provider's UserInfo, read with the user's own access token.",
        checks.one_of(LOCAL, SCIM, KEYCLOAK, USERINFO),
    )
    url: str = setting(
        "",
        "scim: the base URL before /Users; keycloak: https://<host>/admin/realms/<realm>; userinfo: the endpoint.",
        checks.url_or_empty,
    )
    dialect: str = setting(
        "",
        "The mapping from claims to attributes: wso2, keycloak, scim, oidc or auth0, or the path of a TOML file; "
        "empty: scim, keycloak or oidc, by kind.",
    )
    look_up_by: str = setting(
        "",
        "The attribute that holds the user id (`sub` of tokens). scim: id (default), userName, or another attribute; "
        "keycloak: id (default) or username; userinfo: the member that names the user, sub by default.",
    )
    token_url: str = setting(
        "",
        "The token endpoint for access to the directory (OAuth 2 client credentials).",
        checks.url_or_empty,
    )
    client_id: str = setting("", "The id of the client that requests the access token.")
    client_secret: str = setting(
        "", "The client's secret: env:NAME (an environment variable) or file:/path.", secret_reference, is_secret=True
    )
    client_auth: str = setting(_BASIC, f"How the secret is sent: {_BASIC} or {_POST}.", checks.one_of(_BASIC, _POST))
    scope: str = setting("", "The scopes to request, separated by spaces.")
    audience: str = setting("", "The audience to request, if the authorization server requires one.")
    username: str = setting("", "A user name for HTTP Basic, instead of a client.")
    password: str = setting("", "The password: env:NAME or file:/path.", secret_reference, is_secret=True)
    bearer_token: str = setting(
        "", "A static access token, instead of a client: env:NAME or file:/path.", secret_reference,
        is_secret=True,
    )  # fmt: skip
    ca_file: str = setting(
        "", "A file with the certificates (PEM) that are trusted at the directory, instead of the public authorities."
    )
    timeout: float = setting(10.0, "Seconds that all calls of one request may take together.", checks.at_most(300))
    check_interval: int = setting(
        _DAY,
        "Seconds between two passes that compare users' current values with the verified ones; 0: none.",
        checks.between(0, 31_622_400),
    )
    checks_per_minute: int = setting(
        300, "The maximum number of users that such a pass reads per minute.", checks.between(1, 10_000_000)
    )
    gone_users: str = setting(
        UNVERIFY,
        "What happens to a user whom the directory no longer has: keep; unverify: the claims are no longer "
        "verified; remove: the user's data are removed, including the applicant.",
        checks.one_of(KEEP, UNVERIFY, REMOVE),
    )
    writes_status: bool = setting(
        False, "Whether users' status is written to the attributes that the dialect names for it."
    )

    answer_audiences: tuple[str, ...] = setting(
        (),
        "userinfo: the client ids of the applications whose users' tokens are sent; an answer that is a signed JWT "
        "must have one of them in `aud`. Empty: its `aud` is not compared. JSON answers have none.",
        checks.not_blank,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if foreign := sorted(self._given() - _allowed(self.kind)):
            raise ConfigurationError(f"{foreign[0]} must not be set for a directory of the kind {self.kind}.")
        if self.kind == LOCAL:
            return
        if not self.url:
            raise ConfigurationError(f"url must be set for a directory of the kind {self.kind}.")
        if self.kind == KEYCLOAK and self.look_up_by not in ("", "id", "username"):
            raise ConfigurationError("look_up_by must be id or username for a directory of the kind keycloak.")
        if self.kind != USERINFO:
            self._check_login()

    def choice(self) -> DirectoryChoice:
        """Return the configured directory, with the referenced secrets; raises `ConfigurationError`."""
        if self.kind == LOCAL:
            return DirectoryChoice()
        return DirectoryChoice(
            kind=self.kind,
            url=self.url,
            dialect=self.dialect or _DIALECTS[self.kind],
            look_up_by=self.look_up_by or _LOOK_UP_BY[self.kind],
            login=self._login(),
            ca_file=self.ca_file,
            timeout=self.timeout,
            check_interval=0 if self.kind == USERINFO else self.check_interval,
            checks_per_minute=self.checks_per_minute,
            gone_users=self.gone_users,
            writes_status=self.writes_status,
            answer_audiences=self.answer_audiences,
        )

    def _login(self) -> DirectoryLogin:
        return DirectoryLogin(
            bearer_token=_secret(self.bearer_token),
            username=self.username,
            password=_secret(self.password),
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=_secret(self.client_secret),
            sends_secret_in_body=self.client_auth == _POST,
            scope=self.scope,
            audience=self.audience,
        )

    def _given(self) -> set[str]:
        return {each.name for each in fields(self) if getattr(self, each.name) != each.default}

    def _check_login(self) -> None:
        ways = [name for name in _LOGINS if getattr(self, name)]
        if len(ways) != 1:
            raise ConfigurationError("Exactly one of token_url, username and bearer_token must be set.")
        if missing := [name for name in _LOGINS[ways[0]] if not getattr(self, name)]:
            raise ConfigurationError(f"{missing[0]} must be set with {ways[0]}.")


def _allowed(kind: str) -> set[str] | frozenset[str]:
    if kind == LOCAL:
        return {"kind"}
    if kind == USERINFO:
        return _OF_ALL | {_AUDIENCES}
    return {each.name for each in fields(DirectorySettings)} - {_AUDIENCES}


def _secret(reference: str) -> str:
    return read_secret(reference) if reference else ""
