"""Checks whether an issuer answers as its settings expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connector.access.answers import AnswerError
from connector.access.discovery import Fetch, FetchError
from connector.access.introspection import Introspection
from connector.access.issuer_keys import fetch_keys
from connector.domain.messages import message
from connector.domain.providers.readiness import Check
from connector.errors import ConnectorError
from connector.http.client import HttpClient
from connector.settings import Issuer
from connector.settings.secret import read_secret

DISCOVERY, KEYS, INTROSPECTION = "discovery", "keys", "introspection"


class IssuerChecks:
    """Requests from an issuer everything that is needed to check tokens."""

    def __init__(self, issuer: Issuer, proxy: str = "") -> None:
        self._issuer = issuer
        self._client = HttpClient(ca_file=issuer.ca_file, proxy=proxy)

    def checks(self) -> Iterator[Check]:
        """Run each check."""
        yield self._discovery()
        yield _check(INTROSPECTION, self._introspection) if self._issuer.is_opaque else _check(KEYS, self._keys)

    def _discovery(self) -> Check:
        name = "introspection_endpoint" if self._issuer.is_opaque else "jwks_uri"
        if getattr(self._issuer, name):
            return Check(DISCOVERY, None, message("Not needed, because %(name)s is set.", name=name))
        return _check(DISCOVERY, lambda: self._discover(name))

    def _discover(self, name: str) -> str:
        return f"It names {Fetch(self._client).endpoint(self._issuer.issuer, name)} as its {name}."

    def _keys(self) -> str:
        keys = [key.kid or "without a kid" for key in fetch_keys(self._issuer, self._client)]
        return f"It publishes {len(keys)} usable keys: {', '.join(keys)}."

    def _introspection(self) -> str:
        Introspection(self._issuer, read_secret(self._issuer.client_secret), client=self._client).check()
        return f"It introspects tokens for the client {self._issuer.client_id}."


def _check(name: str, make: Callable[[], str]) -> Check:
    try:
        return Check(name, True, make())
    except ConnectorError as error:
        return Check(name, False, error.description)
    except (AnswerError, FetchError) as error:
        return Check(name, False, message("%(error)s.", error=str(error)))
