"""Authentication and authorization: access tokens of the trusted issuers (`tokens.py`), and their scopes.

    Authorization: Bearer … ──► checked by its issuer's rules   else 401
        ──► the request's tenant, the scope                     else 403
        ──► flask.g.principal

A 503 means that the issuer's keys could not be fetched yet, or that it does not answer an introspection request: the
token may be valid. Every refused token is logged in one line, `access.refused`, with the failed check, the expected
value and the token's value; the answer names only the check.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

import structlog
from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenValidator, InsufficientScopeError, InvalidTokenError
from flask import current_app, g

from connector.access.claims import Principal
from connector.access.discovery import IssuerUnavailableError
from connector.access.jwt import Presented, present
from connector.access.refusals import TokenRefused, check_scope, check_tenant
from connector.access.tokens import TrustedIssuers
from connector.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

log = structlog.get_logger(__name__)

REALM = "onfido-idvp-connector"
EXTENSION = "access"
REQUIRED_SCOPE = "__required_scope__"

P = ParamSpec("P")
R = TypeVar("R")


class AccessDenied(ConnectorError):  # noqa: N818  it is a refusal, not a defect
    """A request that is refused: the HTTP status, the reason, the headers, and what the caller can do."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str], advice: str = "") -> None:
        super().__init__(f"{reason} {advice}".strip())
        self.status = status
        self.reason = reason
        self.headers = headers


class _MissingScopeError(InsufficientScopeError):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, description: str, scope: str) -> None:
        super().__init__(description)
        self.scope = scope


class _Validator(BearerTokenValidator):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's two steps: authenticate the token, and check its scope; raises Authlib's errors."""

    def __init__(self, trusted: TrustedIssuers) -> None:
        super().__init__(realm=REALM)
        self._trusted = trusted

    def authenticate_token(self, token_string: str) -> Principal:
        token = present(token_string)
        try:
            principal = self._trusted.verify(token, g.tenant)
        except TokenRefused as refused:
            _log_refusal(refused, token)
            raise InvalidTokenError(refused.description) from refused
        except IssuerUnavailableError as error:
            raise AccessDenied(
                503,
                "The token cannot be checked yet: its issuer does not answer.",
                {"Retry-After": str(error.retry_after)},
                "Try again later.",
            ) from error
        g.token = token
        return principal

    def validate_token(self, token: Principal, scopes: Sequence[str], request: object) -> None:
        g.principal = token  # the caller is recorded even if the request is refused
        try:
            check_tenant(token.tenant, g.tenant.name)
            check_scope(token.scopes, *scopes)
        except TokenRefused as refused:
            _log_refusal(refused, g.token)
            if refused.check != "scope":
                raise InsufficientScopeError(refused.description) from refused
            raise _MissingScopeError(refused.description, refused.expected) from refused


def _log_refusal(refused: TokenRefused, token: Presented) -> None:
    """Log a refused token once, with the details that an operator needs, and without the token itself."""
    issuer, kid = token.names
    log.warning(
        "access.refused",
        check=refused.check,
        reason=refused.reason,
        expected=refused.expected,
        found=refused.actual,
        issuer=issuer,
        kid=kid,
    )


class Access(ResourceProtector):  # type: ignore[misc]  # Authlib is untyped
    """The gate of an application, kept in `app.extensions["access"]`."""

    def __init__(self, trusted: TrustedIssuers) -> None:
        super().__init__()
        self.register_token_validator(_Validator(trusted))

    def admit(self, *scopes: str) -> Principal:
        """Return the caller of the current request, which must have one of the scopes; raises `AccessDenied`."""
        try:
            principal: Principal = self.acquire_token(scopes)
        except OAuth2Error as error:
            self.raise_error_response(error)
        return principal

    def raise_error_response(self, error: OAuth2Error) -> NoReturn:
        """Raise the response that RFC 6750 defines: without an error code if no token was sent."""
        challenge = {"realm": REALM}
        status, reason, advice = 401, "A bearer token is required.", "Send the header Authorization: Bearer <token>."
        if isinstance(error, (InvalidTokenError, InsufficientScopeError)):
            status, reason = error.status_code, error.description
            advice = error.__cause__.advice if isinstance(error.__cause__, TokenRefused) else ""
            challenge |= {"error": error.error, "error_description": reason}
        if isinstance(error, _MissingScopeError):
            challenge["scope"] = error.scope
        parameters = ", ".join(f'{name}="{value}"' for name, value in challenge.items())
        raise AccessDenied(status, reason, {"WWW-Authenticate": f"Bearer {parameters}"}, advice) from error


def requires(scope: str, *others: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Require for a view a valid token with `scope`, or one of the others; `flask.g.principal` is the caller.

    The scope is stored on the view, under `REQUIRED_SCOPE`, so that the views can be listed and checked.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            access: Access = current_app.extensions[EXTENSION]
            access.admit(scope, *others)
            return view(*args, **kwargs)

        setattr(guarded, REQUIRED_SCOPE, scope)
        return guarded

    return decorate
