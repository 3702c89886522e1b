"""The claims of a token: user, audience and scopes, by the rules of one issuer.

The claims are a JWT's, or an issuer's introspection answer about an opaque token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from joserfc.errors import ClaimError
from joserfc.jwt import JWTClaimsRegistry

from connector.access.refusals import LEEWAY, TIMES, TokenRefused, is_time, refused, time_refused
from connector.domain.frozen import frozen
from connector.settings import Issuer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from connector.domain.tenancy import Tenant

MAX_SUBJECT_LENGTH = 255
MAX_CLIENT_ID = 255  # characters of the client id in the history
CLIENT_ID = "!$&'()*+,/:;=?._~-"  # characters that are not escaped in the history, besides letters and digits
CLIENT_CLAIMS = ("client_id", "azp", "cid", "appid")  # RFC 9068, OpenID Connect, Okta, Entra
REQUIRED = ("iss", "exp", "iat")  # in a JWT
OPTIONAL = ("iss", "exp", "iat", "nbf", "jti")  # checked if present
NONE: Mapping[str, Any] = {}


@frozen
class Principal:
    """The caller; `tenant` is the tenant for which its token is valid, `client_id` is empty if the token has none."""

    subject: str
    client_id: str
    scopes: frozenset[str]
    tenant: str
    issuer: str

    @property
    def actor(self) -> str:
        """Return the actor for the history, such as `ann [shop@https://idp.example.com]`: the user, the client and the
        issuer.

        Only the last brackets are the connector's own, because a user id may contain brackets as well.
        """
        return f"{self.subject} [{quote(self.client_id, safe=CLIENT_ID)[:MAX_CLIENT_ID]}@{self.issuer}]"

    @property
    def application(self) -> str | None:
        """Return the client's id for storage; None if there is none, or it cannot be stored."""
        is_storable = 0 < len(self.client_id) <= MAX_CLIENT_ID and self.client_id.isprintable()
        return self.client_id if is_storable else None


class ClaimRules:
    """Checks and reads the claims of one issuer's tokens; besides audience and user, `required` must be present."""

    def __init__(self, settings: Issuer, required: Collection[str] = REQUIRED) -> None:
        self._settings = settings
        self._scope_map = dict(settings.scope_map)
        rules: dict[str, dict[str, Any]] = {name: {"essential": name in required} for name in OPTIONAL}
        rules["iss"]["value"] = settings.issuer
        self._required = required
        self._standard = {
            name: JWTClaimsRegistry(leeway=LEEWAY, **{name: rule})  # type: ignore[arg-type]
            for name, rule in rules.items()
        }

    def names(self, claims: Mapping[str, Any]) -> list[str]:
        """Return the names of the claims that are checked, in this order."""
        present = [name for name in OPTIONAL if name in self._required or name in claims]
        times = [name for name in present if name in ("exp", "iat")]
        first = [name for name in present if name == "iss"]
        last = [name for name in present if name not in (*first, *times)]
        return [*first, self._settings.audience_claim, *times, self._settings.subject_claim, *last]

    def check_all(self, claims: Mapping[str, Any]) -> None:
        """Raise `TokenRefused` for the first claim that is missing or wrong."""
        for name in self.names(claims):
            self.check(name, claims)

    def check(self, name: str, claims: Mapping[str, Any]) -> None:
        """Raise `TokenRefused` if a claim is missing or wrong."""
        if name == self._settings.audience_claim:
            self._check_audience(resolve(claims, name))
        elif name == self._settings.subject_claim:
            _check_subject(name, self._subject(claims))
        else:
            self._check_standard(name, claims)

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Return the caller; the claims must have passed the checks."""
        return Principal(
            subject=str(self._subject(claims)),
            client_id=client_of(claims),
            scopes=self.scopes_of(claims),
            tenant=self.tenant_of(claims),
            issuer=self._settings.issuer,
        )

    def scopes_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Return the scopes, as the connector names them."""
        names = [name for path in self._settings.scope_claims for name in _names_in(resolve(claims, path))]
        return frozenset(ours for name in names for ours in self._scope_map.get(name, (name,)))

    def tenant_of(self, claims: Mapping[str, Any]) -> str:
        """Return the tenant for which a token with these claims is valid; empty if they name none."""
        claim, tenant = self._settings.tenant_claim, self._settings.tenant
        named = resolve(claims, claim) if claim else tenant
        return named if isinstance(named, str) else ""

    def may_name(self, tenant: Tenant) -> bool:
        """Whether a token of this issuer may be valid for a tenant."""
        return bool(self._settings.tenant_claim) or self._settings.tenant == tenant.name

    def _subject(self, claims: Mapping[str, Any]) -> object:
        """Return the user's id; for a client's own token (client credentials), the client's id.

        Such a token names the client in `sub` (RFC 9068, 2.2). An introspection answer may lack `sub` altogether (RFC
        7662, 2.2).
        """
        subject, client = resolve(claims, self._settings.subject_claim), client_of(claims)
        named = [claims[name] for name in ("sub", "username") if claims.get(name) is not None]
        is_own = named == [client] or (not named and self._settings.is_opaque)
        return (client or None) if subject is None and is_own else subject

    def _check_audience(self, value: object) -> None:
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in values) or not set(values).intersection(self._settings.audiences):
            raise refused(self._settings.audience_claim, value, "audience of this issuer is", self._settings.audiences)

    def _check_standard(self, name: str, claims: Mapping[str, Any]) -> None:
        value = claims.get(name)
        try:
            self._standard[name].validate({name: value} if name in claims else {})
        except ClaimError as error:
            raise self._refused(name, value) from error

    def _refused(self, name: str, value: object) -> TokenRefused:
        if name == "iss":
            return refused(name, value, "the issuer is", [self._settings.issuer])
        if name in TIMES and is_time(value) and (refusal := time_refused(name, value)):
            return refusal
        return refused(name, value, "it must have", ["the format of RFC 7519"])


def resolve(claims: object, path: str) -> object:
    """Return the value of a claim, given by its name or a dotted path; None if there is none.

    Names may contain dots themselves, such as URLs: the longest matching name is used.
    """
    if not isinstance(claims, Mapping):
        return None
    if path in claims:
        return claims[path]
    for at in range(len(path) - 1, 0, -1):
        if path[at] == "." and (value := resolve(claims.get(path[:at]), path[at + 1 :])) is not None:
            return value
    return None


def client_of(claims: Mapping[str, Any]) -> str:
    """Return the id of the client that a token was issued to; empty if it names none."""
    return next((claims[name] for name in CLIENT_CLAIMS if isinstance(claims.get(name), str)), "")


def _names_in(value: object) -> Iterable[str]:
    """Return the names in a space-separated text, a list, or an object's keys, except keys whose value is false or
    null.
    """
    if isinstance(value, str):
        return [name for name in value.split(" ") if name]
    if isinstance(value, Mapping):
        return [name for name, held in value.items() if held is not None and held is not False]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _check_subject(name: str, value: object) -> None:
    """Refuse ids that databases cannot store, such as those with NUL or lone surrogates."""
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > MAX_SUBJECT_LENGTH:
        raise refused(name, value, "it must be", [f"a text of 1 to {MAX_SUBJECT_LENGTH} printable characters"])
