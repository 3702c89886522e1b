"""The keys of an issuer, found by discovery and cached.

    kid known ─────────────────────► kept keys, at once     old ones are fetched anew meanwhile, in a thread
    kid unknown, or nothing kept ──► a fetch ──► kept keys  a few callers wait for it, the others get a 503

An unknown kid may be a rotation or a forgery. It causes a fetch, and the next only after `REFETCH_AFTER`; a token with
a known kid never waits for it. Cached keys stay valid while the issuer does not answer.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from connector.http.client import ExchangeError, HttpClient
from connector.settings.checks import is_secure_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.settings import Issuer

RENEW_AFTER = 1800.0  # seconds; from this age on keys are fetched in the background
EXPIRE_AFTER = 3600.0  # seconds; from this age on one caller waits for the fetch, unless it has failed before
REFETCH_AFTER = 5.0  # seconds between two fetches for a kid that is not known, or while there are no keys at all
RETRY_RENEWAL_AFTER = 30.0  # seconds between two fetches of keys that are old
FETCH_TIMEOUT = 5.0  # seconds for both documents together
MAX_DOCUMENT_BYTES = 256 * 1024
DEFAULT_WAITING = 4
KEY_TYPES = ("RSA", "EC", "OKP")
MIN_RSA_MODULUS = 342  # characters of base64: 2048 bits, which RFC 7518 asks for

log = structlog.get_logger(__name__)


class KeysUnavailableError(Exception):
    """The keys are not available yet, so a token cannot be checked; it may be possible after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class _FetchError(Exception):
    """A document could not be fetched or is invalid."""


@dataclass(frozen=True)
class _Kept:
    keys: KeySet
    kids: frozenset[str | None]
    fetched_at: float

    def has(self, kid: str | None) -> bool:
        """Return whether a token may be signed with one of these keys; one without a kid may be signed with any."""
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

    def find(self, kid: str | None) -> KeySet:
        """Return the keys, after a fetch where `kid` is not among them.

        Raises `KeysUnavailableError` where there are none, or too many callers wait for that fetch.
        """
        kept = self._kept
        if kept is not None and kept.has(kid):
            self._renew(kept)
        else:
            self._look_again()
        if self._kept is None:
            raise KeysUnavailableError(int(REFETCH_AFTER))
        return self._kept.keys

    def prepare(self) -> None:
        """Begin to fetch the keys, so that the first caller does not have to wait."""
        self._begin(REFETCH_AFTER)

    def _renew(self, kept: _Kept) -> None:
        """Begin to fetch keys that are old; wait only where they are very old and no fetch has been tried since."""
        age = self._clock() - kept.fetched_at
        if age < RENEW_AFTER or self._fetching is not None:
            return
        has_failed = self._has_failed
        fetching = self._begin(RETRY_RENEWAL_AFTER)
        if age >= EXPIRE_AFTER and not has_failed:
            _wait(fetching)

    def _look_again(self) -> None:
        """Wait for a fetch, where one is due; only few callers may, so that forged tokens block few threads."""
        if (fetching := self._begin(REFETCH_AFTER)) is None:
            return
        if not self._waiting.acquire(blocking=False):
            raise KeysUnavailableError(1)
        try:
            _wait(fetching)
        finally:
            self._waiting.release()

    def _begin(self, pause: float) -> threading.Event | None:
        """Return the event that is set when the fetch in flight has ended; None where none is in flight or due."""
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
        except _FetchError as error:
            log.warning("issuer_keys_not_fetched", issuer=self._issuer.issuer, reason=str(error))
        finally:
            self._tried_at = self._clock()
            with self._lock:
                self._fetching = None
            done.set()


def _wait(fetching: threading.Event | None) -> None:
    if fetching is not None:
        fetching.wait(FETCH_TIMEOUT + 1)


def fetch_keys(issuer: Issuer, client: HttpClient) -> KeySet:
    """Fetch the signature keys that an issuer publishes; those that cannot be used are left out (RFC 7517, 5)."""
    fetch = _Fetch(client)
    document = fetch.json(issuer.jwks_uri or _discover(issuer.issuer, fetch))
    published = document.get("keys")
    keys = [key for jwk in published if (key := _import(jwk))] if isinstance(published, list) else []
    if not keys:
        raise _FetchError("no usable key is published")
    return KeySet(keys)


class _Fetch:
    """Fetches documents, all within one `FETCH_TIMEOUT`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._end = time.monotonic() + FETCH_TIMEOUT

    def json(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object; a redirect is refused."""
        try:
            document = json.loads(self._read(url))
        except ExchangeError as error:
            raise _FetchError(f"{url}: {error.reason}") from error
        except (ValueError, RecursionError) as error:
            raise _FetchError(f"{url}: not JSON") from error
        if not isinstance(document, dict):
            raise _FetchError(f"{url}: not a JSON object")
        return document

    def _read(self, url: str) -> bytes:
        left = self._end - time.monotonic()
        if not is_secure_url(url) or left <= 0:
            raise _FetchError(f"{url}: {'out of time' if left <= 0 else 'not https'}")
        headers = {"Accept": "application/json"}
        with self._client.open("GET", url, seconds=left, headers=headers) as answer:
            if answer.status != 200:  # noqa: PLR2004  HTTP's OK
                raise _FetchError(f"{url}: status {answer.status}")
            return answer.read(MAX_DOCUMENT_BYTES)


def _import(jwk: Any) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("kty") not in KEY_TYPES or jwk.get("use", "sig") != "sig":
        return None
    if jwk["kty"] == "RSA" and len(str(jwk.get("n"))) < MIN_RSA_MODULUS:
        return None
    try:
        return JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):  # KeyError: an unknown curve
        return None


def _discover(issuer: str, fetch: _Fetch) -> str:
    """Find the URL of the keys in the first discovery document there is, which has to be this issuer's own."""
    failures = []
    for url in _discovery_urls(issuer):
        try:
            document = fetch.json(url)
        except _FetchError as error:
            failures.append(str(error))
        else:
            return _read_jwks_uri(document, issuer)
    raise _FetchError("; ".join(failures))


def _read_jwks_uri(document: dict[str, Any], issuer: str) -> str:
    if document.get("issuer") != issuer:
        raise _FetchError("the discovery document is another issuer's")
    jwks_uri = document.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise _FetchError("the discovery document names no jwks_uri")
    return jwks_uri


def _discovery_urls(issuer: str) -> Iterator[str]:
    """Return both URLs: OpenID Connect appends the well-known path to the issuer's, RFC 8414 inserts it before."""
    plain = issuer.rstrip("/")
    yield f"{plain}/.well-known/openid-configuration"
    parts = urlsplit(plain)
    yield f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
