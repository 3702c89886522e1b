"""What directories have in common whose users the connector finds with a token of its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

from connector.directory.dialects import Dialect, P
from connector.directory.exchange import Exchange, Session

UserT = TypeVar("UserT")


class AdministeredDirectory(ABC, Generic[UserT, P]):
    """Reads the values of users that `find` returns, as far as the dialect has attributes for them."""

    is_readable = True

    def __init__(self, exchange: Exchange, dialect: Dialect[P]) -> None:
        self._exchange = exchange
        self._dialect = dialect

    @property
    def uris(self) -> Collection[str]:
        """The claims for which the dialect has attributes."""
        return self._dialect.claims.keys()

    def values(
        self, user_id: str, access_token: str | None = None, *, at_most: float = math.inf
    ) -> dict[str, str] | None:
        """Return a user's values by claim URI; None if there is no such user. Raises `DirectoryError`."""
        del access_token  # the connector uses its own token
        with self._exchange.session(at_most) as session:
            user = self.find(session, user_id)
        return None if user is None else self._dialect.values(self.attributes_of(user))

    @abstractmethod
    def find(self, session: Session, user_id: str) -> UserT | None:
        """Return a user; None if there is none. Raises `DirectoryError`."""

    @abstractmethod
    def attributes_of(self, user: UserT) -> Mapping[str, Any]:
        """Return the attributes from which the dialect reads."""
