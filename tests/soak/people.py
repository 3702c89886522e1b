"""Users who verify at a steady rate, and the durations of their requests."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.contract.wire import entry
from tests.harness import ADMIN_SCOPES, Caller, run_id_of
from tests.soak.background import Background
from tests.soak.site import REMOTE, TENANTS, Site, add_user

THREADS = 24
PATIENCE = 300.0  # seconds that a user keeps trying
STATUSES = ("approved", "approved", "approved", "approved", "declined", "review", "abandoned")
OPEN_ALREADY = "OIDV-10004"
SHARE_OF_REMOTE = 0.3
CORRECTIONS = ((), (), (), (False,), (False, True))  # by an administrator, of one claim


@dataclass(frozen=True)
class Visit:
    """The operations of a user, and on the user's claims."""

    tenant: str
    user_id: str
    status: str
    completes: bool
    corrections: Sequence[bool]


@dataclass
class Times:
    """The times of requests, in milliseconds, and their answers."""

    taken: dict[str, list[float]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, operation: str, began: float, answer: str) -> None:
        with self.lock:
            self.taken.setdefault(operation, []).append((time.monotonic() - began) * 1000)
            self.answers[f"{operation} {answer}"] += 1


def _code(answer: requests.Response) -> str:
    """Return the error's code; empty if there is none, as in the proxy's answers."""
    is_ours = answer.headers.get("Content-Type", "").startswith("application/json") and not answer.ok
    return str(answer.json()["code"]) if is_ours else ""


class People(Background):
    """Starts verifications at a rate, until stopped."""

    def __init__(self, site: Site, rate: float, seed: int) -> None:
        self._site = site
        self._rate = rate
        self._random = random.Random(seed)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="people")
        super().__init__("people")
        self.times = Times()
        self.users: list[tuple[str, str]] = []
        self.failures: list[str] = []

    def stop(self) -> None:
        """Start no more verifications, and wait for those in progress."""
        super().stop()
        self._pool.shutdown()

    def run(self) -> None:
        due = time.monotonic()
        while not self.stopping.is_set():
            tenant = REMOTE if self._random.random() < SHARE_OF_REMOTE else TENANTS[0]
            user_id = f"user-{len(self.users):06}"
            self.users.append((tenant, user_id))
            status, corrections = self._random.choice(STATUSES), self._random.choice(CORRECTIONS)
            self._pool.submit(self._live, Visit(tenant, user_id, status, self._random.random() < 0.4, corrections))
            due += 1 / self._rate
            self.stopping.wait(max(0.0, due - time.monotonic()))

    def _live(self, visit: Visit) -> None:
        try:
            self._verify(visit)
        except Exception as error:  # noqa: BLE001  reported in the end
            self.failures.append(f"{visit.user_id}: {error!r}")

    def _verify(self, visit: Visit) -> None:
        add_user(self._site, visit.user_id, visit.tenant)
        caller = self._site.caller(visit.user_id, visit.tenant)
        run_id = self._start(caller, visit.tenant)
        self._end_run(run_id, visit.status)
        if visit.completes:
            self._ask(caller, visit.tenant, "COMPLETED")
        self._send("claims", lambda: caller.get("/api/users/v1/me/idv/claims"))
        for is_verified in visit.corrections:
            self._correct(visit, is_verified=is_verified)

    def _start(self, caller: Caller, tenant: str) -> str:
        end = time.monotonic() + PATIENCE
        status = "INITIATED"
        while time.monotonic() < end:
            answer = self._ask(caller, tenant, status)
            if answer is not None and answer.status_code == 200:
                return run_id_of(answer)
            is_open = answer is not None and _code(answer) == OPEN_ALREADY
            status = "REINITIATED" if is_open else "INITIATED"
            time.sleep(0.5)
        raise TimeoutError(f"it could not start; the last answer: {answer.text if answer is not None else None}")

    def _correct(self, visit: Visit, *, is_verified: bool) -> None:
        """Withdraw a claim of a user as an administrator, or confirm it."""
        admin = self._site.caller("admin", visit.tenant, ADMIN_SCOPES)
        path = f"/api/users/v1/{visit.user_id}/idv/claims"
        body = [entry(self._site.providers[visit.tenant], isVerified=is_verified)]
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = self._send("correction", lambda: admin.put(path, body))
            if answer is not None and answer.ok:
                return
            time.sleep(0.5)
        raise TimeoutError(
            f"a claim could not be corrected; the last answer: {answer.text if answer is not None else None}"
        )

    def _end_run(self, run_id: str, status: str) -> None:
        outcome: dict[str, Any] = {"status": status}
        answer = requests.post(f"{self._site.simulator}/simulator/runs/{run_id}/outcome", json=outcome, timeout=60)
        assert answer.ok, answer.text

    def _ask(self, caller: Caller, tenant: str, status: str) -> requests.Response | None:
        return self._send(status, lambda: caller.verify(self._site.providers[tenant], status))

    def _send(self, operation: str, send: Callable[[], requests.Response]) -> requests.Response | None:
        """Send a request and record its time; return None if there was no answer."""
        began = time.monotonic()
        try:
            answer = send()
        except requests.RequestException as error:
            self.times.note(operation, began, type(error).__name__)
            return None
        self.times.note(operation, began, f"{answer.status_code} {_code(answer)}".rstrip())
        return answer
