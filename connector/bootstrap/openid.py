"""Wiring of the OpenID provider."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connector.bootstrap.part import part
from connector.bootstrap.providing import Providing
from connector.domain.urls import UrlPolicy
from connector.services.people.guests import Guests

if TYPE_CHECKING:
    from connector.services.openid.clients import Clients
    from connector.services.openid.flows import Flows
    from connector.services.openid.proving import Proving


class OpenIdParts(Providing):
    """Clients of the OpenID provider and their requests."""

    verifications: Any  # wired in `bootstrap`
    users: Any

    @part
    def openid_clients(self) -> Clients:
        """Administer the clients of the OpenID provider."""
        from connector.services.openid.clients import Clients

        settings = self.settings
        return Clients(
            self.database,
            self._journal,
            self.openid_names,
            UrlPolicy(None, allows_http_loopback=settings.allow_http_loopback),
            timedelta(seconds=settings.openid_secret_overlap),
            self._clock,
        )

    @part
    def openid_flows(self) -> Flows:
        """Store authorization requests of the OpenID provider's clients."""
        from connector.services.openid.flows import Flows

        return Flows(self.database, self._vault, self._fingerprints, self.providers, self.openid_names, self._clock)

    @part
    def _guests(self) -> Guests:
        retention = timedelta(days=self.settings.guest_retention_days)
        return Guests(self.database, self.tenants, self.users, retention, self._clock)

    @part
    def openid_proving(self) -> Proving:
        """Verify the users of these requests."""
        from connector.services.openid.proving import Proving

        return Proving(self.database, self.verifications, self._user_values, self.verified_claims, self._clock)
