"""Wiring of notices and of the administration of deliveries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, TypeVar

from connector.bootstrap.ground import Ground
from connector.bootstrap.part import part
from connector.domain.urls import UrlPolicy
from connector.http.client import HttpClient
from connector.http.webhook_sender import Notifier
from connector.services.application.endpoints import Endpoints
from connector.services.application.notices import Notices
from connector.services.endpoint_secrets import EndpointSecrets
from connector.services.journal import Journal
from connector.store.engine import Database

if TYPE_CHECKING:
    from connector.services.application.deliveries import Deliveries

T = TypeVar("T")
UseCase = Callable[[Database, EndpointSecrets, Notifier, UrlPolicy, Journal, Callable[[], datetime]], T]


class Notifying(Ground):
    """Endpoints, notices and deliveries."""

    @part
    def notices(self) -> Notices:
        """Send notices, and show what one sends."""
        return self._on_endpoints(Notices)

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
        return self._on_endpoints(Endpoints)

    def _on_endpoints(self, use_case: UseCase[T]) -> T:
        """Make a use case of the endpoints: both work with the same parts."""
        policy = self._studio_policy.notices
        return use_case(self.database, self._endpoint_secrets, self._notifier, policy, self._journal, self._clock)

    @part
    def deliveries(self) -> Deliveries:
        """List, retry and drop deliveries."""
        from connector.services.application.deliveries import Deliveries

        return Deliveries(self.database, self._vault, self._texts, self._journal, self._clock)
