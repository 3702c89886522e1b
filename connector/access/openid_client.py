"""Signing people in at an issuer: OpenID Connect's code flow, as a client, and its logout notifications.

    begin ──► the issuer's pages ──► complete: `iss` (RFC 9207), code and PKCE for tokens, ID token     (signed_in.py)

Authlib implements the flow; all calls use the bounded client, and keys come from `issuer_keys.py`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from flask import request, session
from joserfc.jwk import KeySet

from connector.access.claims import ClaimRules
from connector.access.discovery import Fetch, FetchError
from connector.access.introspection import Pause
from connector.access.issuer_keys import IssuerKeys
from connector.http.client import HttpClient
from connector.http.requests_transport import BoundedTransport
from connector.settings import Issuer
from connector.settings.checks import is_secure_url

SECONDS = 10.0  # for each call
MAX_ANSWER = 256 * 1024
METADATA_AGE = 600.0  # seconds that an issuer's metadata is cached
LEEWAY = 60
STATES = "_state_"  # the beginning of Authlib's names in the cookie
MOST_BEGUN = 3  # sign-ins of a browser at the same time
LONGEST_NEXT = 600
ENDPOINTS = ("authorization_endpoint", "token_endpoint")
ALGORITHMS = "id_token_signing_alg_values_supported"
_NOT_READ = (TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError)  # Authlib's, for a hostile answer
ISS_IS_SENT = "authorization_response_iss_parameter_supported"


class SignInRefused(Exception):  # noqa: N818  it is a refusal, not a defect
    """A refused sign-in; the reason is for the log, and contains no token and no code."""


class OpenIdClient(FlaskOAuth2App):  # type: ignore[misc]  # Authlib is untyped
    """The console as a client of one issuer; `waiting` limits how many callers wait for its keys."""

    def __init__(
        self,
        settings: Issuer,
        secret: str,
        *,
        proxy: str = "",
        clock: Callable[[], float] = time.monotonic,
        waiting: threading.BoundedSemaphore | None = None,
    ) -> None:
        self.settings = settings
        self.rules = ClaimRules(settings)
        self.http = HttpClient(ca_file=settings.ca_file, proxy=proxy)
        self.keys = IssuerKeys(settings, client=self.http, waiting=waiting)
        self._clock = clock
        self._metadata: Mapping[str, Any] = {}
        self._metadata_at = float("-inf")
        self._fetching = threading.Lock()
        self._pause = Pause(clock)
        kwargs = {
            "scope": " ".join(settings.console_scopes),
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": settings.client_auth if secret else "none",
        }
        super().__init__(
            FlaskIntegration(name := f"console-{hashlib.sha256(settings.issuer.encode()).hexdigest()[:8]}"),
            name=name,
            client_id=settings.console_client_id,
            client_secret=secret or None,
            client_kwargs=kwargs,
        )

    def load_server_metadata(self) -> Mapping[str, Any]:
        """Return the issuer's metadata; raises `FetchError`, or `IssuerUnavailableError` shortly after a failure."""
        if self._is_fresh():
            return self._metadata
        with self._fetching:
            if not self._is_fresh():
                self._pause.check()  # also for those who have waited for a fetch that failed
                self._fetch_metadata()
            return self._metadata

    def _is_fresh(self) -> bool:
        return self._clock() - self._metadata_at < METADATA_AGE

    def _fetch_metadata(self) -> None:
        try:
            document = Fetch(self.http).metadata(self.settings.issuer)
            _check_endpoints(document)
        except FetchError:
            self._pause.begin()
            raise
        offered = document.get(ALGORITHMS)
        known = [
            each for each in self.settings.algorithms if each in (offered if isinstance(offered, list) else ["RS256"])
        ]
        self._metadata = {**document, ALGORITHMS: known}
        self._metadata_at = self._clock()
        self._pause.end()

    def fetch_jwk_set(self, force: bool = False) -> Any:
        """Return the issuer's keys; with `force`, others than those that did not match."""
        keys = self.keys.find(None)
        return _public((self.keys.find_newer(keys) or keys) if force else keys)

    def begin(self, redirect_uri: str, next_url: str, language: str) -> str:
        """Return the issuer's URL for a sign-in in a language, which returns to `redirect_uri` with the state."""
        flow = self.create_authorization_url(redirect_uri, ui_locales=language)
        url = str(flow.pop("url"))
        _make_room()
        self.save_authorize_data(redirect_uri=redirect_uri, next=_short(next_url), **flow)
        return url

    def next_url(self) -> str | None:
        """Return the target page of a sign-in that has returned; None if this browser did not start it."""
        data = self.framework.get_state_data(session, request.args.get("state", ""))
        return None if data is None else str(data.get("next", ""))

    def complete(self) -> Mapping[str, Any]:
        """Return the tokens of a sign-in that has returned, with the claims of the ID token under `userinfo`.

        Raises `SignInRefused`, `IssuerUnavailableError`, or an error of Authlib, joserfc or the exchange.
        """
        self._check_sender(request.args.get("iss"))
        claims = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.client_id},
            **{name: {"essential": True} for name in ("sub", "exp", "iat", "nonce")},
        }
        try:
            tokens: Mapping[str, Any] = self.authorize_access_token(claims_options=claims, leeway=LEEWAY)
        except _NOT_READ as error:
            raise SignInRefused(
                f"the issuer's answer must be that of OpenID Connect: {type(error).__name__}"
            ) from error
        if not tokens.get("userinfo"):
            raise SignInRefused("the issuer sent no ID token: it must allow the scope openid")
        return tokens

    def _check_sender(self, issuer: str | None) -> None:
        """Check that the answer is from this issuer (RFC 9207), because another issuer's code must not be sent here."""
        is_promised = self.load_server_metadata().get(ISS_IS_SENT) is True
        if issuer != self.settings.issuer and (issuer is not None or is_promised):
            raise SignInRefused("the answer must be from the requested issuer (iss)")

    def _get_oauth_client(self, **metadata: Any) -> OAuth2Session:
        session = super()._get_oauth_client(**metadata)
        transport = BoundedTransport(self.http, SECONDS, MAX_ANSWER)
        session.mount("https://", transport)
        session.mount("http://", transport)  # the client refuses all but loopback
        session.trust_env = False
        return session


def _check_endpoints(document: Mapping[str, Any]) -> None:
    for name in ENDPOINTS:
        url = document.get(name)
        if not isinstance(url, str) or not is_secure_url(url):
            raise FetchError(f"the discovery document must name an https {name}")


def _make_room() -> None:
    """Forget the oldest sign-ins that this browser has begun: browsers drop a cookie of more than 4 KiB."""
    begun = [name for name in session if name.startswith(STATES)]
    for name in sorted(begun, key=lambda each: session[each].get("exp", 0))[: 1 - MOST_BEGUN]:
        del session[name]


def _short(next_url: str) -> str:
    """Return the page to show after a sign-in, without its query if it is too long for the cookie; else none."""
    return next((each for each in (next_url, next_url.partition("?")[0]) if len(each) <= LONGEST_NEXT), "")


def _public(keys: KeySet) -> Any:
    return keys.as_dict(private=False)
