"""The limits on one caller's long calls, which reach Onfido or send a file.

Each occupies a thread. Some threads are reserved for quick calls; of the rest, each tenant and each user may use only a
part. A call beyond a limit is refused at once with HTTP-429.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from connector.api.middleware.traffic import CONSOLE, REQUESTS, lane
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.errors import TooManyRequests

EXTENSION = "shares"
LASTING = "__lasting__"  # the attribute of a view with the kind of its long calls
RETRY_AFTER = 1  # seconds
View = TypeVar("View", bound=Callable[..., Any])


class Lasting(Enum):
    """The reason why a call may last."""

    ONFIDO = auto()  # it waits for Onfido
    DOWNLOAD = auto()  # it lasts until the client has read the file


@frozen
class Limit:
    """The number of calls that one holder may have in progress: all callers, a tenant, a user, or all downloads."""

    holder: tuple[str, ...]
    most: int
    name: str


class Shares:
    """The long calls in progress in this process, with a number of threads."""

    def __init__(self, threads: int, of_user: int = 4) -> None:
        """Create the shares of a number of threads; one user may have the `of_user`th part of them."""
        self._all = max(1, threads - max(1, threads // 4))
        self._tenant = max(1, self._all - max(1, self._all // 4))
        self._user = max(1, threads // of_user)
        self._downloads = max(1, threads // 2)
        self._held: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def take(self, kind: Lasting, tenant: Tenant, user_id: str | None) -> Callable[[], None]:
        """Count a call, and return the function that ends it; raises `TooManyRequests` if it is one too many."""
        limits = self._limits(kind, tenant, user_id)
        holders = [limit.holder for limit in limits]
        with self._lock:
            for limit in limits:
                if self._held[limit.holder] >= limit.most:
                    raise TooManyRequests(
                        message(
                            "%(name)s as many calls in progress as are allowed: try again later.",
                            name=limit.name,
                        ),
                        RETRY_AFTER,
                    )
            self._held.update(holders)
        return functools.partial(self._end, holders)

    def _limits(self, kind: Lasting, tenant: Tenant, user_id: str | None) -> list[Limit]:
        limits = [
            Limit(("all",), self._all, "The server has"),
            Limit(("tenant", tenant.name), _least(self._tenant, tenant.limits.calls), "The tenant has"),
        ]
        if user_id is not None:
            most = _least(self._user, tenant.limits.calls_of_a_user)
            limits.append(Limit(("user", tenant.name, user_id), most, "The user has"))
        if kind is Lasting.DOWNLOAD:
            limits.append(Limit(("downloads",), self._downloads, "The server has"))
        return limits

    def _end(self, holders: Collection[tuple[str, ...]]) -> None:
        with self._lock:
            self._held.subtract(holders)
            self._held = +self._held  # removes zero counts


def _least(most: int, limit: int | None) -> int:
    return most if limit is None else min(most, limit)


def install(app: Flask, threads: int, console_threads: int = 0) -> None:
    """Limit callers to their shares of the threads of the API, and of those of the console.

    One person of the console may have half of its threads: a page asks for several parts at once.
    """
    app.extensions[EXTENSION] = {REQUESTS: Shares(threads), CONSOLE: Shares(console_threads, of_user=2)}


def begin(kind: Lasting, user_id: str | None) -> Callable[[], None]:
    """Count a call of the request's tenant, and return the function that ends it; without limits, no call is counted.

    Raises `TooManyRequests` if it is one too many.
    """
    shares: Shares | None = current_app.extensions.get(EXTENSION, {}).get(lane(request.path))
    return _end_nothing if shares is None else shares.take(kind, g.tenant, user_id)


def _end_nothing() -> None:
    """Do nothing, because the call was not counted."""


def lasts(kind: Lasting, view: View, *, is_callers_own: bool) -> View:
    """Count the calls of a view, which may be for the caller's own claims."""

    @functools.wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        end = begin(kind, g.principal.subject if is_callers_own else kwargs.get("user_id"))
        try:
            response = view(*args, **kwargs)
        except BaseException:
            end()
            raise
        if kind is Lasting.DOWNLOAD:
            response.call_on_close(end)
        else:
            end()
        return response

    setattr(counted, LASTING, kind)
    return counted  # type: ignore[return-value]
