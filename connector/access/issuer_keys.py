"""The keys of an issuer, found by discovery and kept.

    kid known ────────────────────────► kept keys          (no lock; an old set is renewed by one of the callers)
    kid unknown, or nothing kept ─────► fetch: discovery document ──► JWKS ──► kept keys

A kid that is not known may be a rotation or a forgery, so it leads to one fetch, and to the next only after
`REFETCH_AFTER`. Keys that are kept stay good while the issuer does not answer.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from connector.settings.checks import is_secure_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.settings import Issuer

RENEW_AFTER = 3600.0  # seconds
REFETCH_AFTER = 30.0  # seconds; for a kid that is not known
RETRY_AFTER = 5  # seconds; while there are no keys at all
FETCH_TIMEOUT = 5.0  # seconds for both documents together
MAX_DOCUMENT_BYTES = 256 * 1024
KEY_TYPES = ("RSA", "EC", "OKP")
MIN_RSA_MODULUS = 342  # characters of base64: 2048 bits, which RFC 7518 asks for

log = structlog.get_logger(__name__)


class KeysUnavailableError(Exception):
    """An issuer's keys have never been fetched; asking again after `RETRY_AFTER` seconds may help."""


class _FetchError(Exception):
    """A document could not be fetched or is not what it should be."""


@dataclass(frozen=True)
class _Kept:
    keys: KeySet
    kids: frozenset[str | None]
    fetched_at: float


class IssuerKeys:
    """One issuer's keys; shared by all threads."""

    def __init__(self, issuer: Issuer, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._kept: _Kept | None = None
        self._tried_at = float("-inf")
        self._fetching = threading.Lock()

    def find(self, kid: str | None) -> KeySet:
        """Give the keys, after a fetch where `kid` is not among them; a token without `kid` takes what there is.

        Raises `KeysUnavailableError` where there are none.
        """
        kept = self._kept
        if kept is None or (kid is not None and kid not in kept.kids):
            self._fetch_if_due(patience=FETCH_TIMEOUT)
        elif self._clock() - kept.fetched_at >= RENEW_AFTER:
            self._fetch_if_due(patience=0)
        if self._kept is None:
            raise KeysUnavailableError
        return self._kept.keys

    def _fetch_if_due(self, patience: float) -> None:
        if self._fetching.acquire(timeout=patience):
            try:
                if self._is_due():  # it is not where another thread has fetched while this one waited
                    self._fetch()
            finally:
                self._fetching.release()

    def _is_due(self) -> bool:
        pause = REFETCH_AFTER if self._kept else RETRY_AFTER
        return self._clock() - self._tried_at >= pause

    def _fetch(self) -> None:
        try:
            keys = fetch_keys(self._issuer)
            self._kept = _Kept(keys, frozenset(key.kid for key in keys), self._clock())
        except _FetchError as error:
            log.warning("issuer_keys_not_fetched", issuer=self._issuer.issuer, reason=str(error))
        finally:
            self._tried_at = self._clock()


def fetch_keys(issuer: Issuer) -> KeySet:
    """Fetch the signature keys that an issuer publishes; those that cannot be used are left out (RFC 7517, 5)."""
    deadline = time.monotonic() + FETCH_TIMEOUT
    document = _fetch_json(issuer.jwks_uri or _discover(issuer.issuer, deadline), deadline)
    published = document.get("keys")
    keys = [key for jwk in published if (key := _import(jwk))] if isinstance(published, list) else []
    if not keys:
        raise _FetchError("no usable key is published")
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


def _discover(issuer: str, deadline: float) -> str:
    """Find the URL of the keys in the first discovery document there is, which has to be this issuer's own."""
    failures = []
    for url in _discovery_urls(issuer):
        try:
            document = _fetch_json(url, deadline)
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
    """OpenID Connect puts the well-known path behind the issuer's, RFC 8414 before it."""
    plain = issuer.rstrip("/")
    yield f"{plain}/.well-known/openid-configuration"
    parts = urlsplit(plain)
    yield f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"


def _fetch_json(url: str, deadline: float) -> dict[str, Any]:
    try:
        document = json.loads(_fetch(url, deadline))
    except (requests.RequestException, ValueError, RecursionError) as error:
        raise _FetchError(f"{url}: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise _FetchError(f"{url}: not a JSON object")
    return document


def _fetch(url: str, deadline: float) -> bytes:
    """Fetch at most `MAX_DOCUMENT_BYTES` by `deadline`, from exactly there: a redirect is refused."""
    left = deadline - time.monotonic()
    if not is_secure_url(url) or left <= 0:
        raise _FetchError(f"{url}: {'out of time' if left <= 0 else 'not https'}")
    with requests.get(url, timeout=left, allow_redirects=False, stream=True) as response:
        if response.status_code != requests.codes.ok:
            raise _FetchError(f"{url}: status {response.status_code}")
        content = b""
        for chunk in response.iter_content(8192):
            content += chunk
            if len(content) > MAX_DOCUMENT_BYTES or time.monotonic() > deadline:
                raise _FetchError(f"{url}: too large or too slow")
        return content
