"""Access tokens (JWT, RFC 9068): parsed, checked by the rules of their issuer, and explained.

    text ──► parsed, nothing verified yet ──► `iss` selects the issuer, and nothing else
        ──► its algorithms, its token types, its keys ──► signature
        ──► iss, aud, exp, iat, nbf, sub ──► Principal

A refusal names the check that failed. The expected value and the token's value are for the operator: they go to the
log and to `connector token check`, never into the answer.

RFC 9068 requires issuers to send `client_id` and `jti` but requires no check of them, and some issuers omit them: they
are optional here. It requires a check of `typ`, and some issuers send a wrong one: hence the setting `token_types`.
"""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from joserfc.errors import ClaimError, InvalidClaimError, InvalidKeyIdError, JoseError
from joserfc.jws import validate_compact
from joserfc.jwt import JWTClaimsRegistry

from connector.access.issuer_keys import IssuerKeys, KeysUnavailableError
from connector.access.jwt import Algorithms, Token, parse
from connector.access.refusals import (
    LEEWAY,
    TIMES,
    TokenRefused,
    bad_signature,
    check_scope,
    check_tenant,
    is_number,
    refused,
    shown,
    time_refused,
    write_time,
)
from connector.http.client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from joserfc.jwk import KeySet

    from connector.domain.tenancy import Tenant
    from connector.settings import Issuer

MAX_SUBJECT_LENGTH = 255
MAX_CLIENT_ID = 255  # characters of it in the history
CLIENT_ID = "!$&'()*+,/:;=?._~-"  # not escaped there, beside letters and digits
CLAIMS = ("aud", "exp", "iat", "sub")
OPTIONAL = ("nbf", "jti")


@dataclass(frozen=True)
class Principal:
    """The caller; `tenant` is the one that its token is valid for, `client_id` is empty where the token has none."""

    subject: str
    client_id: str
    scopes: frozenset[str]
    tenant: str
    issuer: str

    @property
    def actor(self) -> str:
        """Return who acts, for the history: `ann [shop@https://idp.example.com]`, the user, the client and the issuer.

        Only the last brackets are the connector's own; a user id may contain brackets as well.
        """
        return f"{self.subject} [{quote(self.client_id, safe=CLIENT_ID)[:MAX_CLIENT_ID]}@{self.issuer}]"


@dataclass(frozen=True)
class Finding:
    """The result of one check of a token, for the operator; `passed` is None where it could not be made."""

    check: str
    passed: bool | None
    detail: str


class TrustedIssuer:
    """An issuer whose tokens are accepted; `find_keys` returns its keys by `kid`, or raises `KeysUnavailableError`.

    Its tokens are valid for `tenant`, or where `tenant_claim` is set, for the tenant that the claim names.
    """

    def __init__(
        self,
        identifier: str,
        audience: str,
        find_keys: Callable[[str | None], KeySet],
        *,
        algorithms: Collection[str],
        token_types: Collection[str],
        tenant: str = "",
        tenant_claim: str = "",
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.identifier = identifier
        self.prepare = prepare  # begins to fetch the keys, so that the first caller does not have to wait
        self._audience = audience
        self._find_keys = find_keys
        self._registry = Algorithms(algorithms)
        self._algorithms = algorithms
        self._token_types = token_types
        self._tenant = tenant
        self._tenant_claim = tenant_claim
        self._rules: dict[str, dict[str, Any]] = {
            "iss": {"essential": True, "value": identifier},
            "aud": {"essential": True, "value": audience},
            **{name: {"essential": True} for name in ("exp", "iat", "sub")},
        }
        self._claims = JWTClaimsRegistry(leeway=LEEWAY, **self._rules)  # type: ignore[arg-type]

    def verify(self, token: Token) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` otherwise."""
        self._check_algorithm(token)
        self._check_type(token)
        self._check_signature(token)  # only now: a token that is refused above must not cause a fetch of keys
        self._check_claims(token, self._claims, token.claims)
        return self._read_principal(token.claims)

    def explain(self, token: Token) -> Iterator[Finding]:
        """Make every check independently and return the results."""
        algorithm = _finding("alg", token.header.get("alg"), lambda: self._check_algorithm(token))
        yield algorithm
        yield _finding("typ", token.header.get("typ"), lambda: self._check_type(token))
        if algorithm.passed:
            yield _finding("signature", "right", lambda: self._check_signature(token))
        else:
            yield Finding("signature", None, "it cannot be checked with that algorithm")
        for name in (*CLAIMS, *(name for name in OPTIONAL if name in token.claims)):
            value = token.claims.get(name)
            described = write_time(value) if name in TIMES and is_number(value) else value
            yield _finding(name, described, functools.partial(self._check_claim, token, name))

    def tenant_of(self, claims: Mapping[str, Any]) -> str:
        """Return the tenant that a token with these claims is valid for; empty where they name none."""
        tenant = claims.get(self._tenant_claim) if self._tenant_claim else self._tenant
        return tenant if isinstance(tenant, str) else ""

    def may_name(self, tenant: Tenant) -> bool:
        """Whether a token of this issuer may be valid for a tenant."""
        return bool(self._tenant_claim) or self._tenant == tenant.name

    def _check_algorithm(self, token: Token) -> None:
        try:
            self._registry.check_header(dict(token.header))
            self._registry.get_alg(token.header["alg"])
        except JoseError as error:
            raise refused(
                "alg", token.header.get("alg"), "algorithms of this issuer allows", self._algorithms
            ) from error

    def _check_type(self, token: Token) -> None:
        if str(token.header.get("typ", "")).lower() not in self._token_types:
            raise refused("typ", token.header.get("typ"), "token_types of this issuer allows", self._token_types)

    def _check_signature(self, token: Token) -> None:
        kid = token.header.get("kid")
        keys = self._find_keys(kid)
        try:
            is_good = validate_compact(token.signature, keys, registry=self._registry)
        except InvalidKeyIdError as error:
            raise refused("kid", kid, "the issuer publishes", [key.kid or "" for key in keys]) from error
        except JoseError as error:
            raise bad_signature(kid, f"the key cannot be used: {error}") from error
        if not is_good:
            raise bad_signature(kid, "it was not made with that key")

    def _check_claim(self, token: Token, name: str) -> None:
        rules = {name: self._rules[name]} if name in self._rules else {}
        registry = JWTClaimsRegistry(leeway=LEEWAY, **rules)  # type: ignore[arg-type]
        self._check_claims(token, registry, {name: token.claims[name]} if name in token.claims else {})

    def _check_claims(self, token: Token, registry: JWTClaimsRegistry, claims: dict[str, Any]) -> None:
        try:
            registry.validate(claims)
            if "sub" in claims:
                _check_subject(claims["sub"])
        except ClaimError as error:
            raise self._claim_refused(error.claim, token.claims.get(error.claim)) from error

    def _claim_refused(self, name: str, value: object) -> TokenRefused:
        if name == "iss":
            return refused(name, value, "the issuer is", [self.identifier])
        if name == "aud":
            return refused(name, value, "audience of this issuer is", [self._audience])
        if name in TIMES and is_number(value) and (refusal := time_refused(name, value)):
            return refusal
        return refused(name, value, "it must have", ["the form that RFC 7519 asks for"])

    def _read_principal(self, claims: dict[str, Any]) -> Principal:
        client_id = claims.get("client_id", claims.get("azp"))
        return Principal(
            subject=claims["sub"],
            client_id=client_id if isinstance(client_id, str) else "",
            scopes=_read_scopes(claims.get("scope")),
            tenant=self.tenant_of(claims),
            issuer=self.identifier,
        )


class TrustedIssuers:
    """All issuers whose tokens are accepted."""

    def __init__(self, trusted: Iterable[TrustedIssuer]) -> None:
        self._trusted = {each.identifier: each for each in trusted}

    def prepare(self) -> None:
        """Begin to fetch every issuer's keys."""
        for each in self._trusted.values():
            each.prepare()

    def verify(self, token: Token, tenant: Tenant) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` or `KeysUnavailableError`.

        The principal's tenant is still to be compared with the request's, `tenant`: a token that names its issuer may
        be of an issuer of another tenant.
        """
        return self._issuer(token).verify(token)

    def of(self, tenant: Tenant) -> list[TrustedIssuer]:
        """Return the issuers whose tokens may be valid for a tenant, in the order of the settings."""
        return [each for each in self._trusted.values() if each.may_name(tenant)]

    def explain(self, text: str, tenant: Tenant, scope: str | None = None) -> Iterator[Finding]:
        """Return the result of each check of a token, up to the first failure that prevents all further ones."""
        try:
            token = parse(text)
            issuer = self._issuer(token)
        except TokenRefused as refusal:
            yield Finding(refusal.check, False, refusal.reason)
            return
        yield Finding("issuer", True, f"{issuer.identifier} is trusted")
        yield from issuer.explain(token)
        good_for = issuer.tenant_of(token.claims)
        yield _finding("tenant", good_for, lambda: check_tenant(good_for, tenant.name))
        if scope is not None:
            scopes = _read_scopes(token.claims.get("scope"))
            yield _finding("scope", " ".join(sorted(scopes)), lambda: check_scope(scopes, scope))

    def _issuer(self, token: Token) -> TrustedIssuer:
        issuer = token.claims.get("iss")
        if isinstance(issuer, str) and issuer in self._trusted:
            return self._trusted[issuer]
        description = "The token is of an issuer that is not trusted here (iss)."
        raise refused("iss", issuer, "the settings trust", sorted(self._trusted), description)


def trust(
    issuer: Issuer,
    clock: Callable[[], float] = time.monotonic,
    *,
    proxy: str = "",
    waiting: threading.BoundedSemaphore | None = None,
) -> TrustedIssuer:
    """Return the token check of a configured issuer; `clock` decides when its keys are fetched again.

    `proxy` is used to reach the issuer, `waiting` limits how many callers wait for its keys.
    """
    keys = IssuerKeys(issuer, clock, client=HttpClient(ca_file=issuer.ca_file, proxy=proxy), waiting=waiting)
    return TrustedIssuer(
        issuer.issuer,
        issuer.audience,
        keys.find,
        prepare=keys.prepare,
        algorithms=issuer.algorithms,
        token_types=issuer.token_types,
        tenant=issuer.tenant,
        tenant_claim=issuer.tenant_claim,
    )


def _finding(check: str, value: object, make: Callable[[], None]) -> Finding:
    try:
        make()
    except TokenRefused as refusal:
        return Finding(refusal.check, False, refusal.reason)
    except KeysUnavailableError:
        return Finding(check, None, "the issuer's keys cannot be fetched: see the log of this command")
    return Finding(check, True, f"{check} is {shown(value)}")


def _check_subject(subject: str) -> None:
    """Raise for ids that no database can store, such as those with NUL or lone surrogates."""
    if not subject.isprintable() or len(subject) > MAX_SUBJECT_LENGTH:
        raise InvalidClaimError("sub")


def _read_scopes(claim: object) -> frozenset[str]:
    """Return the scopes: RFC 9068 defines a string with spaces; some issuers send a list."""
    scopes = claim.split(" ") if isinstance(claim, str) else claim
    return frozenset(each for each in scopes if isinstance(each, str)) if isinstance(scopes, list) else frozenset()
