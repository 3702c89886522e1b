"""The authorization of calls: the header, and the access tokens that all threads of a process share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import field

from connector.domain.frozen import frozen
from connector.onfido.pacing import Recent


class Authorization:
    """The authorization of a call, by its `headers`.

    `secret` is masked in every message about the call; calls of one `account` are counted together.
    """

    def __init__(self, header: str | None, secret: str, account: str) -> None:
        self.headers: Mapping[str, str] = {} if header is None else {"Authorization": header}
        self.secret = secret
        self.account = account


class TokenAuth(Authorization):
    """An API token."""

    def __init__(self, api_token: str) -> None:
        super().__init__(f"Token token={api_token}", api_token, api_token)


class BearerAuth(Authorization):
    """An access token that was granted to a client."""

    def __init__(self, access_token: str, client_id: str) -> None:
        super().__init__(f"Bearer {access_token}", access_token, client_id)


class ClientAuth(Authorization):
    """A client that requests an access token; its secret is in the body."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        super().__init__(None, client_secret, client_id)


@frozen
class AccessToken:
    """An access token, and the time of its renewal, by the transport's clock."""

    text: str = field(repr=False)
    renew_at: float


class AccessTokens:
    """The access token of each client; at most one thread at a time renews it, and the others wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slots: Recent[_Slot] = Recent(_Slot)

    def get(self, client: Hashable, patience: float, renew: Callable[[], AccessToken]) -> str | None:
        """Return the client's token, renewed if necessary; None if another thread's renewal exceeds `patience`."""
        slot = self._slots.get(client)
        if token := self._valid(slot):
            return token
        if not slot.lock.acquire(timeout=min(max(0.0, patience), threading.TIMEOUT_MAX)):
            return None
        try:
            if token := self._valid(slot):
                return token
            slot.token = renew()
            return slot.token.text
        finally:
            slot.lock.release()

    def forget(self, client: Hashable, text: str) -> None:
        """Renew a refused token with the next call, unless another thread has renewed it since."""
        slot = self._slots.get(client)
        if (token := slot.token) is not None and token.text == text:
            slot.token = None

    def _valid(self, slot: _Slot) -> str | None:
        token = slot.token
        return token.text if token is not None and self._clock() < token.renew_at else None


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.token: AccessToken | None = None
