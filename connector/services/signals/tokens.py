"""Events as Security Event Tokens (RFC 8417), signed with the keys of all of the connector's assertions."""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.signals import SET_TYPE, Event, Stream, set_claims
from connector.domain.tenancy import Tenants
from connector.services.signing import SigningKeys
from connector.services.use_case import use_case


@use_case
class EventTokens:
    """Signs events for each attempt: a key that was replaced meanwhile is not used."""

    _keys: SigningKeys
    _tenants: Tenants

    def of(self, stream: Stream, events: Sequence[Event]) -> list[str]:
        """Return the tokens of a stream's events."""
        choice = self._tenants.named(stream.tenant).signals
        return self._keys.sign_all([set_claims(stream, event, choice) for event in events], SET_TYPE)
