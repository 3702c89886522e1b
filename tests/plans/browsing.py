"""A person at the console or at the user's page, without a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import requests

from connector.domain.tenancy import Tenant
from tests.harness import World
from tests.plans.forms import filled, forms_of


class Console:
    """A signed-in person."""

    def __init__(self, world: World, user_id: str, scopes: Sequence[str]) -> None:
        self._base = world.connector.url
        self._http = requests.Session()
        self._http.trust_env = False
        sessions = world.connector.services.console_sessions
        secret = sessions.make_link(Tenant(world.tenant), user_id, scopes)
        self.open(f"/console/link/{secret}?next=/console/sessions")

    def open(self, path: str) -> str:
        return self._done(self.get(path))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Request a page, whatever the answer."""
        return self._http.get(self._base + path, headers=dict(headers or {}), timeout=60)

    def find(self, text: str | None) -> None:
        """Use the search box without following its redirect."""
        query = {"q": text or ""}
        self._done(self._http.get(f"{self._base}/console/search", params=query, timeout=60, allow_redirects=False))

    def post(self, path: str, **fields: str) -> str:
        """Post to a path; the answer must be a success."""
        return self._done(self.post_anyhow(path, **fields))

    def post_anyhow(self, path: str, **fields: str) -> requests.Response:
        """Post to a path, whatever the answer; the token is that of any form."""
        [token] = {value for form in forms_of("", self.open("/console/sessions")) for value in form.tokens}
        return self._http.post(self._base + path, data={**fields, "csrf_token": token}, timeout=60)

    def submit(self, path: str, **changes: str) -> str:
        """Post the form of a page that is posted to the page's own address, with some fields changed."""
        return self.submit_at(path, path, **changes)

    def submit_at(self, path: str, action: str, **changes: str) -> str:
        """Post the form of a page that is posted to an address."""
        page = self.open(path)
        [form, *_] = [each for each in forms_of(path, page) if each.action == action]
        return self._done(self._http.post(self._base + action, data=filled(form, changes), timeout=60))

    @staticmethod
    def _done(answer: requests.Response) -> str:
        assert answer.status_code < 400, f"{answer.request.method} {answer.url}: {answer.text[-2_000:]}"
        return answer.text


def turn_pages(console: Console, path: str) -> None:
    """Open the first two pages of a list."""
    following = re.search(r'href="([^"]+)" rel="next"', console.open(path))
    if following:
        console.open(following[1].replace("&amp;", "&"))
