"""UserInfo answers that are signed JWTs (OpenID Connect Core 1.0, 5.3.2), checked with the keys of a tenant's issuers.

    size, algorithm ──► issuer by `iss` ──► keys of the issuer ──► signature ──► times ──► claims

The keys are fetched and cached as for access tokens. An answer that the first checks refuse causes no fetch.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from connector.access.claims import ClaimRules
from connector.access.issuer_keys import IssuerKeys
from connector.access.jwt import Algorithms, Token, parse
from connector.access.refusals import TIMES, refused
from connector.access.signatures import Signatures
from connector.http.client import HttpClient

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from connector.domain.tenancy import Tenant
    from connector.settings import Issuer

MAX_ANSWER = 256 * 1024  # characters of an answer
UNSIGNED = "unsigned"  # the check that a JWT with `alg: none` fails

_PARSER = Algorithms((), MAX_ANSWER)


class _AnsweringIssuer:
    """An issuer that signs UserInfo answers; `iss` is required in them, times are checked if they are there."""

    def __init__(self, settings: Issuer, keys: Callable[[Issuer], IssuerKeys]) -> None:
        self.rules = ClaimRules(settings, required=("iss",))
        self._settings = settings
        self._keys = keys

    @cached_property
    def _signatures(self) -> Signatures:
        """Opened on first use, because most deployments have no signed answers."""
        return Signatures(self._settings.algorithms, self._keys(self._settings))

    def check(self, token: Token, seconds: float) -> None:
        self._signatures.check_algorithm(token)
        self._signatures.check(token, seconds)
        for name in ("iss", *(each for each in TIMES if each in token.claims)):
            self.rules.check(name, token.claims)


class SignedUserInfo:
    """Reads signed answers; shared by all threads.

    `waiting` limits how many callers wait for keys.
    """

    def __init__(
        self,
        issuers: Iterable[Issuer],
        clock: Callable[[], float] = time.monotonic,
        *,
        proxy: str = "",
        waiting: threading.BoundedSemaphore | None = None,
    ) -> None:
        def keys(issuer: Issuer) -> IssuerKeys:
            client = HttpClient(ca_file=issuer.ca_file, proxy=proxy)
            return IssuerKeys(issuer, clock, client=client, waiting=waiting)

        self._issuers = {each.issuer: _AnsweringIssuer(each, keys) for each in issuers}

    def read(self, tenant: Tenant, text: str, seconds: float) -> Mapping[str, Any]:
        """Return the claims of an answer that an issuer of the tenant has signed, within `seconds`.

        Raises `TokenRefused`, whose `check` says which one failed, or `KeysUnavailableError`. The caller compares user
        and audience.
        """
        token = parse(text, _PARSER)
        algorithm = token.header.get("alg")
        if str(algorithm).lower() == "none":
            raise refused(UNSIGNED, algorithm, "it must be", ["a signature algorithm"])
        self._named(token, tenant).check(token, seconds)
        return token.claims

    def _named(self, token: Token, tenant: Tenant) -> _AnsweringIssuer:
        name = token.claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None or not issuer.rules.may_name(tenant):
            raise refused("iss", name, "the issuers of the tenant are", self._names(tenant))
        return issuer

    def _names(self, tenant: Tenant) -> list[str]:
        return [name for name, each in self._issuers.items() if each.rules.may_name(tenant)]
