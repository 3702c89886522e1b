"""Canaille, from PyPI, in its own environment: opaque tokens, introspection, UserInfo and SCIM."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.identity.servers import CALLBACK, CHALLENGE, VERIFIER, Server, new_keys

HERE = Path(__file__).parent / "canaille"
PYTHON = HERE.parents[2] / ".venv-canaille" / "bin" / "python"


def has_canaille() -> bool:
    """Whether Canaille's environment is installed."""
    return PYTHON.is_file()


class Canaille(Server):
    """A process with the user `ann`."""

    token_path = "/oauth/token"

    def __init__(self) -> None:
        super().__init__()
        self.keys = new_keys("only")
        self._seen: set[str] = set()

    def command(self) -> list[str]:
        return [str(PYTHON), str(HERE / "serve.py"), str(self.port)]

    def given(self) -> bytes:
        return self.keys.encode()

    def sign_in(self, scope: str) -> dict[str, Any]:
        """Return the tokens of a user who signs in on the server's pages.

        Tokens of one second are equal, and the server takes them for the first one: then the sign-in is repeated.
        """
        tokens = self._sign_in(scope)
        while tokens["access_token"] in self._seen:
            tokens = self._sign_in(scope)
        self._seen.add(tokens["access_token"])
        return tokens

    def _sign_in(self, scope: str) -> dict[str, Any]:
        query = {
            "client_id": "shop",
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": scope,
            "nonce": "n",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        with requests.Session() as browser:
            browser.trust_env = False
            location = self._reach(browser, requests.Request("GET", f"{self.issuer}/oauth/authorize", params=query))
        code = parse_qs(urlsplit(location).query)["code"][0]
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token(code=code, **form)

    def _reach(self, browser: requests.Session, asked: requests.Request) -> str:
        """Follow redirects and fill in forms until the browser is sent to the application."""
        answer = browser.send(browser.prepare_request(asked), timeout=60, allow_redirects=False)
        for _ in range(12):
            if answer.is_redirect:
                location = urljoin(answer.url, answer.headers["Location"])
                if location.startswith(CALLBACK):
                    return location
                answer = browser.get(location, timeout=60, allow_redirects=False)
            else:
                form = {"login": "ann", "password": "ann-password"}
                form |= dict(re.findall(r'name="(csrf_token)"[^>]*value="([^"]*)"', answer.text))
                answer = browser.post(answer.url, form, timeout=60, allow_redirects=False)
        raise AssertionError(answer.text)
