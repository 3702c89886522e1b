"""Wiring of notices and of the administration of deliveries."""

from __future__ import annotations

from ipaddress import ip_network

from connector.bootstrap.ground import Ground
from connector.bootstrap.part import part
from connector.http.client import HttpClient
from connector.http.webhook_sender import Notifier
from connector.services.application.deliveries import Deliveries
from connector.services.application.endpoints import Endpoints
from connector.services.application.notices import Notices


class Notifying(Ground):
    """Endpoints, notices and deliveries."""

    @part
    def _notices(self) -> Notices:
        return Notices(
            self.database,
            self._endpoint_secrets,
            self._notifier,
            self._studio_policy.notices,
            self._journal,
            self._clock,
        )

    @part
    def _notifier(self) -> Notifier:
        return Notifier(self._notice_client)

    @part
    def _notice_client(self) -> HttpClient:
        networks = [ip_network(each) for each in self.settings.allowed_notice_networks]
        proxy, ca_file = self.settings.outgoing_proxy, self.settings.notice_ca_file
        return HttpClient(ca_file=ca_file, is_public_only=True, networks=networks, proxy=proxy)

    @part
    def endpoints(self) -> Endpoints:
        """Register, change, test and remove notice endpoints."""
        return Endpoints(
            self.database,
            self._endpoint_secrets,
            self._notifier,
            self._studio_policy.notices,
            self._journal,
            self._clock,
        )

    @part
    def deliveries(self) -> Deliveries:
        """List, retry and drop deliveries."""
        return Deliveries(self.database, self._vault, self._texts, self._journal, self._clock)
