"""The trusted issuers, and the choice of the issuer that checks a token.

    text ──► parsed, nothing verified yet
        a JWT ──► only `iss` selects the issuer ──► its algorithms, types, keys, claims ──► Principal
        no JWT ──► introspection at the issuers of the request's tenant, in order, until one knows it ──► Principal

A refusal names the check that failed. The expected value and the token's value are for the operator: they appear in the
log and in `connector token check`, never in the answer.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from connector.access.claims import Principal
from connector.access.discovery import IssuerUnavailableError
from connector.access.introspection import DEFAULT_TURNS, Introspection
from connector.access.issuer import Explanation, Finding, TrustedIssuer, finding
from connector.access.issuer_keys import IssuerKeys
from connector.access.jwt import Presented, Token, present
from connector.access.opaque import ACTIVE, AskedIssuer
from connector.access.refusals import TokenRefused, check_scope, check_tenant, no_jwt, refused
from connector.access.signed import SigningIssuer
from connector.http.client import HttpClient
from connector.settings.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from connector.domain.tenancy import Tenant
    from connector.settings import Issuer

__all__ = ["Finding", "Principal", "TrustedIssuer", "TrustedIssuers", "trust"]


class TrustedIssuers:
    """All issuers whose tokens are accepted."""

    def __init__(self, trusted: Iterable[TrustedIssuer]) -> None:
        self._trusted = {each.identifier: each for each in trusted}

    def prepare(self, seconds: float) -> None:
        """Fetch every issuer's keys; wait at most the given seconds for an issuer that does not answer."""
        end = time.monotonic() + seconds
        for fetching in [each.prepare() for each in self._trusted.values()]:
            if fetching is not None:
                fetching.wait(max(0.0, end - time.monotonic()))

    def verify(self, token: Presented, tenant: Tenant) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` or `IssuerUnavailableError`.

        The caller still has to compare the principal's tenant with `tenant`, the request's: a token that names its
        issuer may belong to another tenant.
        """
        problem: Exception | None = None
        for issuer in self._candidates(token, tenant):
            try:
                return issuer.verify(token)
            except IssuerUnavailableError as error:
                problem = error
            except TokenRefused as refusal:
                if refusal.check != ACTIVE:
                    raise
                problem = problem or refusal
        raise problem or no_jwt(token.text)

    def of(self, tenant: Tenant) -> list[TrustedIssuer]:
        """Return the issuers whose tokens may be valid for a tenant, in the order of the settings."""
        return [each for each in self._trusted.values() if each.rules.may_name(tenant)]

    def explain(self, text: str, tenant: Tenant, scope: str | None = None) -> Iterator[Finding]:
        """Return the result of each check of a token, up to the first failure that prevents all later ones."""
        token = present(text)
        try:
            candidates = self._candidates(token, tenant)
        except TokenRefused as refusal:
            yield Finding(refusal.check, False, refusal.reason)
            return
        issuer, explanation = _explain_by(candidates, token)
        yield Finding("issuer", True, f"{issuer.identifier} is trusted")
        yield from explanation.findings
        if (claims := explanation.claims) is not None:
            good_for, scopes = issuer.rules.tenant_of(claims), issuer.rules.scopes_of(claims)
            yield finding("tenant", good_for, lambda: check_tenant(good_for, tenant.name))
            if scope is not None:
                yield finding("scope", " ".join(sorted(scopes)), lambda: check_scope(scopes, scope))

    def _candidates(self, token: Presented, tenant: Tenant) -> list[TrustedIssuer]:
        """Return the issuers that may have issued a token: the one named by a JWT, or those that can introspect it."""
        if token.jwt is not None:
            return [self._named(token.jwt, tenant)]
        asked = [each for each in self.of(tenant) if each.is_opaque]
        if not asked or not token.is_well_formed:
            raise no_jwt(token.text)
        return asked

    def _named(self, token: Token, tenant: Tenant) -> TrustedIssuer:
        name = token.claims.get("iss")
        issuer = self._trusted.get(name) if isinstance(name, str) else None
        if issuer is None or (issuer.is_opaque and not issuer.rules.may_name(tenant)):
            description = "The token is of an issuer that is not trusted here (iss)."
            raise refused("iss", name, "the settings trust", sorted(self._trusted), description)
        return issuer


def trust(
    issuer: Issuer,
    clock: Callable[[], float] = time.monotonic,
    *,
    proxy: str = "",
    waiting: threading.BoundedSemaphore | None = None,
    turns: threading.BoundedSemaphore | None = None,
    own_turns: int = DEFAULT_TURNS,
) -> TrustedIssuer:
    """Return the check of a configured issuer's tokens; `clock` controls the intervals between requests to it.

    `proxy` is used to reach the issuer. `waiting` limits how many callers wait for keys. `turns` limits concurrent
    introspection requests to all issuers that share it, `own_turns` those to this one.
    """
    client = HttpClient(ca_file=issuer.ca_file, proxy=proxy)
    if issuer.is_opaque:
        secret = read_secret(issuer.client_secret)
        asked = Introspection(issuer, secret, clock, client=client, turns=turns, own_turns=own_turns)
        return AskedIssuer(issuer, asked)
    return SigningIssuer(issuer, IssuerKeys(issuer, clock, client=client, waiting=waiting))


def _explain_by(candidates: list[TrustedIssuer], token: Presented) -> tuple[TrustedIssuer, Explanation]:
    """Return the issuer that knows a token, with its explanation; if none knows it, the last one."""
    for issuer in candidates:
        explanation = issuer.explain(token)
        if explanation.claims is not None:
            break
    return issuer, explanation
