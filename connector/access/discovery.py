"""An issuer's published documents: its metadata and those that it names, within one deadline."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connector.http.client import ExchangeError, HttpClient
from connector.settings.checks import is_secure_url

if TYPE_CHECKING:
    from collections.abc import Iterator

FETCH_TIMEOUT = 5.0  # seconds for all documents together
MAX_DOCUMENT_BYTES = 256 * 1024


class IssuerUnavailableError(Exception):
    """The issuer does not answer, so a token cannot be checked; it may succeed after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("the issuer did not answer a moment ago, or its keys are not available")
        self.retry_after = retry_after


class FetchError(Exception):
    """A document could not be fetched or is invalid."""


class Fetch:
    """Fetches documents, all within one `FETCH_TIMEOUT`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._end = time.monotonic() + FETCH_TIMEOUT

    def left(self) -> float:
        """Return the remaining seconds."""
        return self._end - time.monotonic()

    def json(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object; a redirect is refused."""
        try:
            document = json.loads(self._read(url))
        except ExchangeError as error:
            raise FetchError(f"{url}: {error.reason}") from error
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{url}: must answer JSON") from error
        if not isinstance(document, dict):
            raise FetchError(f"{url}: must answer a JSON object")
        return document

    def endpoint(self, issuer: str, name: str) -> str:
        """Return the URL that an issuer's metadata has under a name.

        The first discovery document found is used, and it must be this issuer's own.
        """
        url = self.metadata(issuer).get(name)
        if not isinstance(url, str):
            raise FetchError(f"the discovery document must name {name}, or the settings")
        return url

    def metadata(self, issuer: str) -> dict[str, Any]:
        """Return the metadata of an issuer."""
        document = self._discover(issuer)
        if document.get("issuer") != issuer:
            raise FetchError("the discovery document must be of this issuer: `issuer` must match it exactly")
        return document

    def _discover(self, issuer: str) -> dict[str, Any]:
        failures = []
        for url in _discovery_urls(issuer):
            try:
                return self.json(url)
            except FetchError as error:
                failures.append(str(error))
        raise FetchError("; ".join(failures))

    def _read(self, url: str) -> bytes:
        left = self.left()
        if not is_secure_url(url) or left <= 0:
            raise FetchError(f"{url}: {'no answer in time' if left <= 0 else 'must be https'}")
        headers = {"Accept": "application/json"}
        with self._client.open("GET", url, seconds=left, headers=headers) as answer:
            if answer.status != 200:  # noqa: PLR2004  HTTP's OK
                raise FetchError(f"{url}: answered HTTP {answer.status}")
            return answer.read(MAX_DOCUMENT_BYTES)


def _discovery_urls(issuer: str) -> Iterator[str]:
    """Return both URLs: OpenID Connect appends the well-known path to the issuer's, RFC 8414 inserts it before."""
    plain = issuer.rstrip("/")
    yield f"{plain}/.well-known/openid-configuration"
    parts = urlsplit(plain)
    yield f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
