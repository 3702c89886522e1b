"""Who may call: JWT access tokens (RFC 9068) of the trusted issuers, and the scopes they carry.

    Authorization: Bearer … ──► parsed, nothing verified yet ──► `iss` chooses the issuer, and that only
        ──► its algorithms, its token types, its keys ──► signature
        ──► iss, aud, exp, iat, nbf, sub            else 401
        ──► the request's tenant, the scope         else 403
        ──► flask.g.principal

A 503 says that the issuer's keys could not be fetched yet: the token may well be good.

RFC 9068 has issuers send `client_id` and `jti` but nobody check them, and some issuers leave them out: they are not
asked for. `typ` it has us check, and some issuers get that wrong as well: hence the setting `token_types`.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenValidator, InsufficientScopeError, InvalidTokenError
from flask import current_app, g
from joserfc.errors import (
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    InvalidClaimError,
    InvalidHeaderValueError,
    JoseError,
    UnsupportedAlgorithmError,
)
from joserfc.jws import JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry

from connector.access.issuer_keys import RETRY_AFTER, IssuerKeys, KeysUnavailableError
from connector.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from joserfc.jwa import JWSAlgModel
    from joserfc.jwk import KeySet
    from joserfc.jws import CompactSignature

    from connector.settings import Issuer

REALM = "onfido-idvp-connector"
EXTENSION = "access"
REQUIRED_SCOPE = "__required_scope__"
LEEWAY = 30  # seconds that clocks may differ
MAX_SUBJECT_LENGTH = 255

P = ParamSpec("P")
R = TypeVar("R")


class AccessDenied(ConnectorError):  # noqa: N818  named for what it tells the caller
    """A request that is not let in: the HTTP status, the reason, and the headers that go with them."""

    def __init__(self, status: int, description: str, headers: Mapping[str, str]) -> None:
        super().__init__(description)
        self.status = status
        self.headers = headers


@dataclass(frozen=True)
class Principal:
    """Who calls; `tenant` is the one its token is good for, `client_id` is empty where the issuer tells none."""

    subject: str
    client_id: str
    scopes: frozenset[str]
    tenant: str


class TrustedIssuer:
    """An issuer whose tokens are accepted; `find_keys` gives its keys by `kid`, or raises `KeysUnavailableError`.

    Its tokens are good for `tenant`, or where `tenant_claim` is set, for the tenant which that claim names.
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
    ) -> None:
        self.identifier = identifier
        self._find_keys = find_keys
        self._registry = _Registry(algorithms)
        self._token_types = token_types
        self._tenant = tenant
        self._tenant_claim = tenant_claim
        self._claims = JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": identifier},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )

    def verify(self, signature: CompactSignature, claims: dict[str, Any]) -> Principal:
        """Give the principal of a token that is good in every respect; raises a `JoseError` otherwise."""
        header = signature.headers()
        self._registry.check_header(header)
        self._registry.get_alg(header["alg"])
        if header.get("typ", "").lower() not in self._token_types:
            raise InvalidHeaderValueError
        keys = self._find_keys(header.get("kid"))  # only now: what is refused above must not cost a fetch
        if not validate_compact(signature, keys, registry=self._registry):
            raise BadSignatureError
        self._claims.validate(claims)
        return self._read_principal(claims)

    def _read_principal(self, claims: dict[str, Any]) -> Principal:
        tenant = claims.get(self._tenant_claim) if self._tenant_claim else self._tenant
        client_id = claims.get("client_id", claims.get("azp"))
        return Principal(
            subject=_read_subject(claims["sub"]),
            client_id=client_id if isinstance(client_id, str) else "",
            scopes=_read_scopes(claims.get("scope")),
            tenant=tenant if isinstance(tenant, str) else "",
        )


class _Registry(JWSRegistry):
    """The signature algorithms of one issuer; header parameters nobody knows are ignored (RFC 7515, 4)."""

    max_header_length = 4096  # room for a certificate
    max_payload_length = 16 * 1024

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        """Give an algorithm of this issuer's; the choice is the operator's, joserfc's advice is not asked."""
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_PARSER = _Registry(())


def _parse(token: str) -> tuple[CompactSignature, dict[str, Any]]:
    """Take a token apart, whatever it may be; nothing in it is verified."""
    try:
        signature = extract_compact(token.encode("ascii"), registry=_PARSER)
        claims = json.loads(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise InvalidTokenError("The token is not a signed JWT.") from error
    header = signature.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict) or "crit" in header:
        raise InvalidTokenError("The token is not a signed JWT that is understood here.")
    return signature, claims


def _read_subject(subject: str) -> str:
    """Refuse what no user is called and no database stores, such as NUL and lone surrogates."""
    if not subject.isprintable() or len(subject) > MAX_SUBJECT_LENGTH:
        raise InvalidClaimError("sub")
    return subject


def _read_scopes(claim: object) -> frozenset[str]:
    """A string with spaces says RFC 9068; some issuers send a list."""
    scopes = claim.split(" ") if isinstance(claim, str) else claim
    return frozenset(each for each in scopes if isinstance(each, str)) if isinstance(scopes, list) else frozenset()


class _MissingScopeError(InsufficientScopeError):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, scope: str) -> None:
        super().__init__(f"The token lacks the scope {scope}.")
        self.scope = scope


class _Validator(BearerTokenValidator):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's two steps: whose token is it, and may it do this; raises Authlib's errors."""

    def __init__(self, trusted: Iterable[TrustedIssuer]) -> None:
        super().__init__(realm=REALM)
        self._trusted = {each.identifier: each for each in trusted}

    def authenticate_token(self, token_string: str) -> Principal:
        signature, claims = _parse(token_string)
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._trusted:
            raise InvalidTokenError("The token is of an issuer that is not trusted here.")
        try:
            return self._trusted[issuer].verify(signature, claims)
        except ExpiredTokenError as error:
            raise InvalidTokenError("The token has expired.") from error
        except ClaimError as error:
            raise InvalidTokenError(f"The token is not good here: {error.claim}.") from error
        except JoseError as error:
            raise InvalidTokenError("The token's type, algorithm, key or signature is wrong.") from error
        except KeysUnavailableError as error:
            description = "The token cannot be checked yet: its issuer does not answer."
            raise AccessDenied(503, description, {"Retry-After": str(RETRY_AFTER)}) from error

    def validate_token(self, token: Principal, scopes: Iterable[str], request: object) -> None:
        if not token.tenant or token.tenant != g.tenant:
            raise InsufficientScopeError("The token is not valid for this tenant.")
        for scope in scopes:
            if scope not in token.scopes:
                raise _MissingScopeError(scope)


def _trust(issuer: Issuer, clock: Callable[[], float]) -> TrustedIssuer:
    return TrustedIssuer(
        issuer.issuer,
        issuer.audience,
        IssuerKeys(issuer, clock).find,
        algorithms=issuer.algorithms,
        token_types=issuer.token_types,
        tenant=issuer.tenant,
        tenant_claim=issuer.tenant_claim,
    )


class Access(ResourceProtector):  # type: ignore[misc]  # Authlib is untyped
    """The gate of an application, kept in `app.extensions["access"]`."""

    def __init__(
        self,
        issuers: Iterable[Issuer],
        development: TrustedIssuer | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        trusted = [_trust(issuer, clock) for issuer in issuers]
        self.register_token_validator(_Validator([*trusted, development] if development else trusted))

    def admit(self, scope: str) -> Principal:
        """Give the caller of the current request; raises `AccessDenied`."""
        try:
            principal: Principal = self.acquire_token(scope)
        except OAuth2Error as error:
            self.raise_error_response(error)
        return principal

    def raise_error_response(self, error: OAuth2Error) -> NoReturn:
        """Say it as RFC 6750 has it: no error code where no token was sent."""
        challenge = {"realm": REALM}
        status, description = 401, "A bearer token is needed."
        if isinstance(error, (InvalidTokenError, InsufficientScopeError)):
            status, description = error.status_code, error.description
            challenge |= {"error": error.error, "error_description": description}
        if isinstance(error, _MissingScopeError):
            challenge["scope"] = error.scope
        parameters = ", ".join(f'{name}="{value}"' for name, value in challenge.items())
        raise AccessDenied(status, description, {"WWW-Authenticate": f"Bearer {parameters}"}) from error


def requires(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only callers with a good token that carries `scope` into a view; `flask.g.principal` is the caller.

    The scope is written on the view, under `REQUIRED_SCOPE`, for whoever lists or checks the views.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            access: Access = current_app.extensions[EXTENSION]
            g.principal = access.admit(scope)
            return view(*args, **kwargs)

        setattr(guarded, REQUIRED_SCOPE, scope)
        return guarded

    return decorate
