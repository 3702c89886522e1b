"""Signed answers of UserInfo: the interface of their verifier, and the errors about unusable ones.

The verifier has the issuers' keys, so it is wired in (`connector.bootstrap`); the user and the audience are compared
here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from connector.domain.tenancy import Tenant

MAX_SIGNED = 256 * 1024  # bytes
_ENCRYPTED_PARTS = 5  # parts of a JWE; a signed JWT has three
_REGISTER = (
    "register the client with userinfo_signed_response_alg unset (the answer is then JSON), or set to RS256, ES256 or "
    "another algorithm that the issuer's algorithms setting allows"
)
_WHY = {
    "form": f"an answer of the type application/jwt must be a signed JWT: {_REGISTER}",
    "encrypted": (
        "it is encrypted, and encrypted answers (JWE) are not supported: register the client with "
        "userinfo_encrypted_response_alg unset, and with userinfo_signed_response_alg unset or set to RS256 or ES256"
    ),
    "unsigned": f"it is a JWT without a signature (alg none), and must be signed: {_REGISTER}",
    "alg": f"it must be signed with an asymmetric algorithm that the issuer's algorithms setting allows: {_REGISTER}",
    "iss": (
        "its iss must be an issuer of this tenant, exactly as the settings name it: compare both, or register the "
        "client with userinfo_signed_response_alg unset"
    ),
    "kid": "it must be signed with a key that its issuer publishes: compare its kid with the issuer's jwks_uri",
    "signature": "its signature must match a key that its issuer publishes: check the issuer's jwks_uri",
    "exp": "its exp must be in the future: compare the clocks of the issuer and of this host",
    "iat": "its iat must not be in the future: compare the clocks of the issuer and of this host",
    "nbf": "its nbf must not be in the future: compare the clocks of the issuer and of this host",
    "aud": (
        "its aud must have one of the answer_audiences in the settings: add the client_id of the application whose "
        "access token was sent"
    ),
    "size": f"a signed answer must have at most {MAX_SIGNED} bytes: let the provider return fewer claims",
}


class AnswerRefusedError(Exception):
    """A signed answer that cannot be used; `check` is the failed check, `why` says what is required and what to do."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check
        self.why = _WHY.get(check, _WHY["form"])


class NoSigningKeysError(Exception):
    """The issuer's keys are not available; they may be after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class AnswerVerifier(Protocol):
    """Verifies signed answers with the keys of a tenant's issuers."""

    def read(self, tenant: Tenant, text: str, seconds: float) -> Mapping[str, Any]:
        """Return the claims of an answer, within `seconds`; raises `AnswerRefusedError` or `NoSigningKeysError`."""
        ...


class SignedAnswers:
    """The signed answers about one tenant's users; with `audiences`, an answer must have one of them in `aud`."""

    def __init__(self, verifier: AnswerVerifier, tenant: Tenant, audiences: Collection[str] = ()) -> None:
        self._verifier = verifier
        self._tenant = tenant
        self._audiences = frozenset(audiences)

    def read(self, text: str, seconds: float) -> Mapping[str, Any]:
        """Return the claims of an answer, within `seconds`; raises `AnswerRefusedError` or `NoSigningKeysError`."""
        if len(text) > MAX_SIGNED:
            raise AnswerRefusedError("size")
        if text.count(".") + 1 == _ENCRYPTED_PARTS:
            raise AnswerRefusedError("encrypted")
        claims = self._verifier.read(self._tenant, text, seconds)
        self._check_audience(claims.get("aud"))
        return claims

    def _check_audience(self, value: object) -> None:
        values = value if isinstance(value, list) else [value]
        if self._audiences and not any(isinstance(each, str) and each in self._audiences for each in values):
            raise AnswerRefusedError("aud")
