"""The keys of an issuer, found by discovery and cached.

    kid known ─────────────────────► cached keys, at once     old ones are renewed in a thread
    kid unknown, or none cached ──► a fetch ──► cached keys   a few callers wait for it, the others get a 503

An unknown kid may be a rotation or a forgery. It causes a fetch, and the next one only after `REFETCH_AFTER`; a token
with a known kid never waits for it. A wrong signature under a known kid also causes a fetch, at most once in
`REFETCH_SIGNED_AFTER`, because an issuer that was reinstalled may reuse the kid of an old key. Cached keys stay valid
while the issuer does not answer.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from connector.access.discovery import FETCH_TIMEOUT, Fetch, FetchError, IssuerUnavailableError
from connector.domain.frozen import frozen
from connector.http.client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.settings import Issuer

RENEW_AFTER = 1800.0  # seconds; older keys are renewed in the background
EXPIRE_AFTER = 3600.0  # seconds; with older keys one caller waits for the fetch, unless it has failed before
REFETCH_AFTER = 5.0  # seconds between two fetches for an unknown kid, or while there are no keys
REFETCH_SIGNED_AFTER = 30.0  # seconds between two fetches for a wrong signature under a known kid
RETRY_RENEWAL_AFTER = 30.0  # seconds between two fetches of old keys
DEFAULT_WAITING = 4
KEY_TYPES = ("RSA", "EC", "OKP")
MIN_RSA_MODULUS = 342  # characters of base64: 2048 bits, the minimum of RFC 7518

log = structlog.get_logger(__name__)


class KeysUnavailableError(IssuerUnavailableError):
    """The keys are not available yet."""


@frozen
class _Kept:
    keys: KeySet
    kids: frozenset[str | None]
    fetched_at: float

    def has(self, kid: str | None) -> bool:
        """Return whether a token may be signed with one of these keys; without a kid, any key is possible."""
        return kid is None or kid in self.kids


class IssuerKeys:
    """The keys of one issuer; shared by all threads.

    `waiting` limits how many callers wait for an unknown kid; several issuers may share it.
    """

    def __init__(
        self,
        issuer: Issuer,
        clock: Callable[[], float] = time.monotonic,
        *,
        client: HttpClient | None = None,
        waiting: threading.BoundedSemaphore | None = None,
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._client = client or HttpClient(ca_file=issuer.ca_file)
        self._waiting = waiting or threading.BoundedSemaphore(DEFAULT_WAITING)
        self._kept: _Kept | None = None
        self._tried_at = float("-inf")
        self._has_failed = False
        self._lock = threading.Lock()
        self._fetching: threading.Event | None = None

    def find(self, kid: str | None, at_most: float = math.inf) -> KeySet:
        """Return the keys, after a fetch if `kid` is not among them, for which it waits `at_most` seconds.

        Raises `KeysUnavailableError` if there are none, or too many callers wait for that fetch.
        """
        kept = self._kept
        if kept is not None and kept.has(kid):
            self._renew(kept, at_most)
        else:
            self._wait_for_fetch(REFETCH_AFTER, at_most)
        if self._kept is None:
            raise KeysUnavailableError(int(REFETCH_AFTER))
        return self._kept.keys

    def find_newer(self, tried: KeySet, at_most: float = math.inf) -> KeySet | None:
        """Return other keys than those that do not match a signature, after a fetch if one is due; None if there are
        none.

        Raises `KeysUnavailableError` if too many callers wait for that fetch.
        """
        if self._keys() is tried:
            self._wait_for_fetch(REFETCH_SIGNED_AFTER, at_most)
        newer = self._keys()
        return None if newer is tried else newer

    def prepare(self) -> threading.Event | None:
        """Start fetching the keys, so that the first caller does not wait for them."""
        return self._begin(REFETCH_AFTER)

    def _renew(self, kept: _Kept, at_most: float) -> None:
        """Start fetching old keys; wait only if they are very old and no fetch has been tried since."""
        age = self._clock() - kept.fetched_at
        if age < RENEW_AFTER or self._fetching is not None:
            return
        has_failed = self._has_failed
        fetching = self._begin(RETRY_RENEWAL_AFTER)
        if age >= EXPIRE_AFTER and not has_failed:
            _wait(fetching, at_most)

    def _keys(self) -> KeySet | None:
        return self._kept.keys if self._kept else None

    def _wait_for_fetch(self, pause: float, at_most: float) -> None:
        """Wait for a fetch, if one is due; only few callers may, so that forged tokens block few threads."""
        if (fetching := self._begin(pause)) is None:
            return
        if not self._waiting.acquire(blocking=False):
            raise KeysUnavailableError(1)
        try:
            _wait(fetching, at_most)
        finally:
            self._waiting.release()

    def _begin(self, pause: float) -> threading.Event | None:
        """Return the event that is set when the fetch in flight has ended; None if none is in flight or due."""
        with self._lock:
            if self._fetching is None and self._clock() - self._tried_at >= pause:
                self._fetching = threading.Event()
                threading.Thread(target=self._fetch, args=(self._fetching,), name="issuer-keys", daemon=True).start()
            return self._fetching

    def _fetch(self, done: threading.Event) -> None:
        self._has_failed = True
        try:
            keys = fetch_keys(self._issuer, self._client)
            self._kept = _Kept(keys, frozenset(key.kid for key in keys), self._clock())
            self._has_failed = False
        except FetchError as error:
            log.warning("issuer_keys.not_fetched", issuer=self._issuer.issuer, reason=str(error))
        finally:
            self._tried_at = self._clock()
            with self._lock:
                self._fetching = None
            done.set()


def _wait(fetching: threading.Event | None, at_most: float) -> None:
    if fetching is not None:
        fetching.wait(max(0.0, min(FETCH_TIMEOUT + 1, at_most)))


def fetch_keys(issuer: Issuer, client: HttpClient) -> KeySet:
    """Fetch the signature keys that an issuer publishes, without those that cannot be used (RFC 7517, 5)."""
    fetch = Fetch(client)
    document = fetch.json(issuer.jwks_uri or fetch.endpoint(issuer.issuer, "jwks_uri"))
    published = document.get("keys")
    keys = [key for jwk in published if (key := _import(jwk))] if isinstance(published, list) else []
    if not keys:
        raise FetchError("no usable key is published")
    return KeySet(keys)


def _import(jwk: Any) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("kty") not in KEY_TYPES or jwk.get("use", "sig") != "sig":
        return None
    if jwk["kty"] == "RSA" and len(str(jwk.get("n"))) < MIN_RSA_MODULUS:
        return None
    try:
        return JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):  # KeyError: an unknown curve
        return None
