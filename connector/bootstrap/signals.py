"""The use cases of signals to other systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.bootstrap.notifying import Notifying
from connector.bootstrap.part import part
from connector.services.signals.levels import Levels
from connector.services.signals.pushing import Pushing
from connector.services.signals.tokens import EventTokens
from connector.services.signals.upkeep import SignalUpkeep
from connector.services.signals.writing import SignalWriter

if TYPE_CHECKING:
    from connector.services.signals.polling import Polling
    from connector.services.signals.streams import Streams


class SignalParts(Notifying):
    """Streams and their events, as part of all use cases."""

    @part
    def signal_streams(self) -> Streams:
        """Create, change and remove streams."""
        from connector.services.signals.streams import Streams

        policy = self._studio_policy.notices
        return Streams(self.database, self._vault, self._signal_writer, policy, self._journal, self._clock)

    @part
    def signal_polling(self) -> Polling:
        """Return events to receivers that poll."""
        from connector.services.signals.polling import Polling

        waiting = max(1, self.settings.threads // 4)
        return Polling(self.database, self.signal_streams, self._event_tokens, waiting)

    @part
    def _signal_writer(self) -> SignalWriter:
        return SignalWriter(self._journal, self._clock)

    @part
    def _event_tokens(self) -> EventTokens:
        return EventTokens(self.signing_keys, self.tenants)

    @part
    def _signal_stories(self) -> tuple[Levels, Pushing]:
        levels = Levels(self.database, self.tenants, self._signal_writer, self._clock)
        reach = (self._notice_client, self._studio_policy.notices)
        return levels, Pushing(self.database, self._vault, *reach, self._event_tokens, self._signal_writer)

    @part
    def signal_upkeep(self) -> SignalUpkeep:
        """Keep streams in order."""
        return SignalUpkeep(self.database, self._signal_writer, self._clock)
