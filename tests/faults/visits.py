"""A client of the OpenID provider and its users during the faults, until each request has an answer.

push ──201──► authorize ──303──► agree ──► capture at Onfido ──► follow ──302──► exchange, at every server at once
  ▲                │                └──► leave ──302──► done                            │
  └──used already──┘◄──────────────────────answer lost, so the code is spent────────────┘
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from sqlalchemy import select

from connector.domain.openid.flow import OPEN_FOR, guest_of
from connector.errors import DatabaseUnavailable
from connector.store.models import verifications
from tests.faults.applications import DONE
from tests.faults.site import Site
from tests.oidc.relying_party import NAMES, REDIRECT_URI, okta_claims

OUTCOMES = ("approved", "approved", "approved", "declined", "review", "abandoned", "error")
LEAVES = 0.1  # of all people asked to agree
_FORM_TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
_ACTION = re.compile(r'action="[^"]*/(start|leave|back)"')


@dataclass
class Party:
    """The client, and its received answers."""

    site: Site
    client_id: str
    secret: str = field(repr=False)
    accepted: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[str, str, str]] = field(default_factory=list)


class Visit:
    """One person whom the client sends to be verified; each step returns the seconds until the next, or `DONE`."""

    def __init__(self, party: Party, user_id: str, seed: int) -> None:
        self._party = party
        self._random = random.Random(f"{seed}:{user_id}")
        self._status = self._random.choice(OUTCOMES)
        self._agrees = self._random.random() >= LEAVES
        self._last = ""
        self.user_id = user_id
        self.repetitions = 0
        self.restarts = 0
        self._begin_anew()
        self.step: Callable[[], float] = self._push

    @property
    def told(self) -> str:
        """Return the person's state and its reason, for a failure's report."""
        return f"{self.user_id} at {self.step.__name__.strip('_')}; {self._last}"

    def _begin_anew(self) -> None:
        self._verifier = secrets.token_urlsafe(48)
        self._browser = requests.Session()
        self._browser.trust_env = False
        self._page = self._request_uri = self._code = ""
        self._run_id: str | None = None
        self._opened_at = 0.0

    def _push(self) -> float:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "client_id": self._party.client_id,
            "client_secret": self._party.secret,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": "openid",
            "state": self.user_id,
            "login_hint": f"{self.user_id}-{self.restarts}",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "claims": json.dumps(okta_claims()),
        }
        answer = self._send("POST", "/oauth2/par", data=parameters)
        if answer is None:
            return self._pause()
        assert answer.status_code == 201, answer.text
        self._request_uri = answer.json()["request_uri"]
        return self._go(self._authorize)

    def _authorize(self) -> float:
        answer = self._send("GET", "/oauth2/authorize", params={"request_uri": self._request_uri})
        if answer is None:
            return self._pause()
        if answer.status_code == 400:  # used by a request whose answer was lost
            return self._restart()
        assert answer.status_code == 303, answer.text
        self._page = answer.headers["Location"]
        self._opened_at = time.monotonic()
        return self._go(self._look)

    def _look(self) -> float:
        answer = self._send("GET", self._page)
        if answer is None:
            return self._pause()
        if answer.status_code == 302:
            return self._come_back(answer)
        assert answer.status_code == 200, answer.text
        buttons = _ACTION.findall(answer.text)
        token = _FORM_TOKEN.findall(answer.text)
        if "back" in buttons:
            return self._press("back", token[0])
        if self._run_id is None and "start" in buttons:
            return self._press("start" if self._agrees else "leave", token[0])
        assert buttons, answer.text
        return self._random.uniform(0.2, 0.6)

    def _press(self, button: str, token: str) -> float:
        answer = self._send("POST", f"{self._page}/{button}", data={"token": token})
        if answer is None:
            return self._pause()
        if answer.status_code == 302:
            return self._come_back(answer)
        assert answer.status_code == 200, answer.text
        if button == "start" and 'http-equiv="refresh"' in answer.text:
            return self._go(self._capture)
        return self._pause()

    def _capture(self) -> float:
        guest = guest_of(self._party.client_id, _flow_of(self._page))
        run = select(verifications.c.run_id).where(verifications.c.user_id == guest)
        try:
            with self._party.site.database.read() as connection:
                self._run_id = connection.execute(run).scalar_one()
        except DatabaseUnavailable:
            return self._pause()
        url = f"{self._party.site.simulator.url}/simulator/runs/{self._run_id}/outcome"
        try:
            answer = requests.post(url, json={"status": self._status}, timeout=60)
        except requests.RequestException:
            return self._pause()  # Onfido is away
        assert answer.status_code in (200, 409), answer.text  # 409: it has ended by itself, or the answer was lost
        return self._go(self._look)

    def _come_back(self, answer: requests.Response) -> float:
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert query["state"] == [self.user_id]
        if "code" not in query:
            is_late = time.monotonic() - self._opened_at >= OPEN_FOR.total_seconds()  # on a machine that is too busy
            assert query["error"] == ["access_denied"], query
            assert is_late or not self._agrees
            return self._end("", "access_denied")
        self._code = query["code"][0]
        return self._go(self._exchange)

    def _exchange(self) -> float:
        """Exchange the code at every server at once, as a replay would, then once more."""
        urls = self._party.site.deployment.urls
        with ThreadPoolExecutor(len(urls)) as pool:
            answers = list(pool.map(self._bring, urls))
        answers.append(self._bring(self._random.choice(urls)))
        tokens = [answer for answer in answers if answer is not None and answer.status_code == 200]
        self._party.accepted[self._code] += len(tokens)
        if tokens:
            return self._end(_flow_of(self._page), _level(tokens[0].json()["id_token"]))
        if None in answers:
            self.repetitions += 1
        refusals = [answer for answer in answers if answer is not None]
        if not refusals:
            return self._pause()
        assert all(answer.json()["error"] == "invalid_grant" for answer in refusals), [each.text for each in refusals]
        return self._restart()  # it was spent by an exchange whose answer was lost

    def _bring(self, url: str) -> requests.Response | None:
        form = {
            "grant_type": "authorization_code",
            "code": self._code,
            "code_verifier": self._verifier,
            "redirect_uri": REDIRECT_URI,
            "client_id": self._party.client_id,
            "client_secret": self._party.secret,
        }
        return self._tried(lambda: requests.post(f"{url}/oauth2/token", data=form, timeout=60), "token")

    def _end(self, flow_id: str, answer: str) -> float:
        self._party.answers.append((flow_id, self._status, answer))
        self._browser.close()
        return DONE

    def _restart(self) -> float:
        """Start again, as a client without an answer does."""
        self._browser.close()
        self._begin_anew()
        self.restarts += 1
        self.step = self._push
        return self._pause()

    def _send(self, method: str, path: str, **options: Any) -> requests.Response | None:
        url = self._random.choice(self._party.site.deployment.urls) + path
        request = lambda: self._browser.request(method, url, timeout=60, allow_redirects=False, **options)  # noqa: E731
        return self._tried(request, path.partition("?")[0])

    def _tried(self, request: Callable[[], requests.Response], name: str) -> requests.Response | None:
        """Return an answer; None if there is none, or a request to try again."""
        try:
            answer = request()
        except requests.RequestException as error:
            self._last = f"{name}: {type(error).__name__}"
            return None
        self._last = f"{name}: {answer.status_code}"
        return None if answer.status_code >= 500 or answer.status_code == 429 else answer

    def _go(self, step: Callable[[], float]) -> float:
        self.step = step
        return self._random.uniform(0, 0.3)

    def _pause(self) -> float:
        self.repetitions += 1
        return self._random.uniform(0.2, 0.5)


def _flow_of(page: str) -> str:
    return page.rpartition("/")[2]


def _level(id_token: str) -> str:
    """Return the level in an ID token; its signature is tested elsewhere."""
    payload = id_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    [element] = claims["verified_claims"]
    assert set(element["claims"]) == set(NAMES)
    return str(element["verification"]["assurance_level"])
