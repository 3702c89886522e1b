"""A person with a browser, signing in at a real OpenID provider."""

from __future__ import annotations

import re
from typing import Any

import requests

from connector.domain.audit.history import AuditFilter
from connector.domain.tenancy import Tenant
from tests.harness import ConnectorServer
from tests.identity.servers import OidcProvider


class Person:
    """A person with a browser, at the console and at the provider."""

    def __init__(self, connector: ConnectorServer, provider: OidcProvider) -> None:
        self.connector = connector
        self.console = connector.url
        self.sessions = connector.services.console_sessions
        self.provider = provider
        self.browser = requests.Session()
        self.browser.trust_env = False

    def get(self, url: str, **options: Any) -> requests.Response:
        url = url if url.startswith("http") else self.console + url
        return self.browser.get(url, timeout=60, allow_redirects=False, **options)

    def begin(self, page: str = "/console/sessions") -> requests.Response:
        """Open a page that redirects to the provider; return that redirect."""
        answer = self.get(page)
        while answer.is_redirect and not answer.headers["Location"].startswith(self.provider.issuer):
            answer = self.get(answer.headers["Location"])
        return answer

    def consent(self, answer: requests.Response, user: str = "ann") -> str:
        """Sign in on the provider's pages; return the URL to which it redirects the browser."""
        answer = self._follow(answer)
        while forms := re.findall(r'<form[^>]*action="([^"]+)"', answer.text):
            form = {"login": user, "password": "any"} if 'name="login"' in answer.text else {}
            [prompt] = re.findall(r'name="prompt" value="(\w+)"', answer.text)
            answer = self.browser.post(forms[0], {"prompt": prompt} | form, timeout=60, allow_redirects=False)
            answer = self._follow(answer)
        return str(answer.headers["Location"])

    def press(self, path: str, page: requests.Response, **form: str) -> requests.Response:
        """Send a form of a page, with the page's token."""
        [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)
        data = {"csrf_token": token} | form
        return self.browser.post(self.console + path, data, timeout=60, allow_redirects=False)

    def sign_in(self, page: str = "/console/sessions") -> requests.Response:
        return self.get(self.consent(self.begin(page)))

    def trail(self) -> list[str]:
        """Return the audit trail's entries about sessions, the latest first."""
        page = self.connector.services.audit.page(Tenant("carbon.super"), AuditFilter(subject="session"), limit=9)
        return [each.change.current for each in page.rows]

    def _follow(self, answer: requests.Response) -> requests.Response:
        while answer.is_redirect and not answer.headers["Location"].startswith(self.console):
            location = answer.headers["Location"]
            answer = self.get(location if location.startswith("http") else self.provider.issuer + location)
        return answer
