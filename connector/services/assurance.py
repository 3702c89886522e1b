"""A user's verified claims, for others to rely on: OpenID Identity Assurance 1.0, as JSON or signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connector.domain.assurance import Assurance, unchanged, verified_claims
from connector.domain.environment import SANDBOX
from connector.domain.tenancy import Tenant
from connector.services.not_found import unknown_user
from connector.services.signing import SigningKeys
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.claims import proven_claims
from connector.store.engine import Database
from connector.store.vault import Fingerprints

TOKEN_TYPE = "verified-claims+jwt"  # noqa: S105  the header's `typ`: neither an access token nor an ID token


@use_case
class VerifiedClaims:
    """Asserts which of a user's current values are verified; each method takes the tenant."""

    _database: Database
    _user_values: UserValues
    _fingerprints: Fingerprints
    _keys: SigningKeys
    _names: Mapping[str, str]
    _lifetime: timedelta
    _clock: Callable[[], datetime]

    def get(self, tenant: Tenant, user_id: str, issuer: str, access_token: str | None = None) -> dict[str, Any]:
        """Return `sub`, and `verified_claims` if any current value of the user is verified.

        The values are read first: a claim that is withdrawn meanwhile, because its value has changed, is not found any
        more, and one that is verified for a newer value has another fingerprint. `issuer` is the default trust
        framework, `access_token` is the user's own. Raises `RequestError`: no such user, or the values can only be read
        with the user's own token; `DirectoryError`.
        """
        values = self._user_values.read(tenant, user_id, access_token)
        if values is None:
            raise unknown_user(user_id)
        asserted = self.of_values(tenant, user_id, values, issuer)
        return {"sub": user_id} if asserted is None else {"sub": user_id, "verified_claims": asserted}

    def of_values(
        self, tenant: Tenant, user_id: str, values: Mapping[str, str], issuer: str, *, allows_sandbox: bool = True
    ) -> dict[str, Any] | None:
        """Return the verified claims among these values of the user, by claim URI; None if there are none.

        Claims that were verified in the sandbox are used only if this is allowed, and no other claims are verified.
        """
        with self._database.read() as connection:
            claims = proven_claims.find(connection, tenant.name, user_id)
        counting = [each for each in claims if allows_sandbox or each.environment != SANDBOX]
        same = unchanged(counting, values, partial(self._fingerprints.of, tenant.name, user_id))
        named = Assurance(tenant.assurance.trust_framework or issuer, tenant.assurance.level)
        return verified_claims(same, values, self._names, named)

    def sign(self, asserted: Mapping[str, Any], issuer: str, client_id: str) -> str:
        """Sign the result of `get` as a JWT of `issuer`, for the calling client if its token names one."""
        now = int(self._clock().timestamp())
        audience = {"aud": client_id} if client_id else {}
        times = {"iat": now, "exp": now + int(self._lifetime.total_seconds())}
        return self._keys.sign({"iss": issuer, **audience, **times, **asserted}, TOKEN_TYPE)
