"""Applications and people during the faults: they repeat requests until they have an answer.

INITIATED ──200──► the person goes through capture ──► perhaps COMPLETED ──► done
  ▲   └──open already──► REINITIATED ──200──┘
  └──no answer, 5xx, being started──┘
"""

from __future__ import annotations

import itertools
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import requests

from connector.simulator.faults import Shape
from tests.faults.site import Site

THREADS = 10
STATUSES = ("approved", "approved", "approved", "declined", "review", "abandoned", "error")
RESULTS = ("clear", "clear", "clear", "consider", "unidentified", None)
COMPARED = ("first_name", "last_name", "date_of_birth")
OPEN_ALREADY, BEING_STARTED, WITHOUT_RUN, NOT_AWAITING = "OIDV-10004", "OIDV-10048", "OIDV-10014", "OIDV-10033"
ALL_VERIFIED = "OIDV-10049"
DONE = -1.0


class Applicant:
    """One user's verification; each step returns the seconds until the next, or `DONE`."""

    def __init__(self, site: Site, user_id: str, seed: int) -> None:
        self._site = site
        self._callers = site.user(user_id)
        self._random = random.Random(f"{seed}:{user_id}")
        self._outcome = self._choose_outcome()
        self._run_id: str | None = None
        self._last = ""
        self.repetitions = 0
        self.step: Callable[[], float] = self._initiate
        self.user_id = user_id

    @property
    def told(self) -> str:
        """Return the user's state and its reason, for a failure's report."""
        return f"{self.user_id} at {self.step.__name__.strip('_')}; {self._last}"

    def _choose_outcome(self) -> dict[str, Any]:
        status = self._random.choice(STATUSES)
        outcome: dict[str, Any] = {"status": status, "shape": self._random.choice(list(Shape))}
        if status not in ("abandoned", "error"):
            outcome["comparisons"] = {key: self._random.choice(RESULTS) for key in COMPARED}
        return outcome

    def _initiate(self) -> float:
        answer = self._ask("INITIATED")
        if answer is None:
            return self._pause()
        if answer.status_code == 200:
            return self._capture_next(answer)
        if _code(answer) == BEING_STARTED:
            return self._pause()
        if _code(answer) == ALL_VERIFIED:
            return DONE
        assert _code(answer) == OPEN_ALREADY, answer.text
        self.step = self._resume
        return 0

    def _resume(self) -> float:
        answer = self._ask("REINITIATED")
        self.step = self._initiate
        if answer is None or _code(answer) == WITHOUT_RUN:
            return self._pause()
        if answer.status_code == 200:
            return self._capture_next(answer)
        assert _code(answer) == NOT_AWAITING, answer.text
        return DONE

    def _capture_next(self, answer: requests.Response) -> float:
        self._run_id = answer.json()["claims"][0]["claimMetadata"]["onfido_workflow_run_id"]
        self.step = self._capture
        return self._random.uniform(0, 0.3)

    def _capture(self) -> float:
        url = f"{self._site.simulator.url}/simulator/runs/{self._run_id}/outcome"
        try:
            answer = requests.post(url, json=self._outcome, timeout=60)
        except requests.RequestException:
            return self._pause()
        assert answer.status_code in (200, 409), answer.text  # 409: it has ended by itself, or the answer was lost
        self.step = self._complete
        return self._random.uniform(0, 0.5) if self._random.random() < 0.4 else DONE

    def _complete(self) -> float:
        answer = self._ask("COMPLETED")
        assert answer is None or answer.status_code == 200, answer.text
        return DONE

    def _ask(self, status: str) -> requests.Response | None:
        """Call one of the servers; None if there is no answer, or a request to try again."""
        try:
            answer = self._random.choice(self._callers).verify(self._site.provider_id, status)
        except requests.RequestException as error:
            self._last = f"{status}: {type(error).__name__}"
            return None
        self._last = f"{status}: {answer.status_code} {answer.text}"
        return None if answer.status_code >= 500 or answer.status_code == 429 else answer

    def _pause(self) -> float:
        self.repetitions += 1
        return self._random.uniform(0.2, 0.5)


class Person(Protocol):
    """One person's requests; each step returns the seconds until the next, or `DONE`."""

    user_id: str
    repetitions: int
    step: Callable[[], float]

    @property
    def told(self) -> str:
        """Return the person's state and its reason, for a failure's report."""


class Applications:
    """Performs the steps of each person; the first steps are spread over `seconds`.

    At most `at_once` people are in progress; each that ends makes room for another.
    """

    def __init__(self, applicants: Sequence[Person], seconds: float, at_once: int | None = None) -> None:
        now, order = time.monotonic(), itertools.count()
        self._turns: queue.PriorityQueue[tuple[float, int, Person]] = queue.PriorityQueue()
        self._later = deque(applicants[at_once:] if at_once else ())
        for at, applicant in enumerate(applicants[:at_once]):
            self._turns.put((now + seconds * at / len(applicants), next(order), applicant))
        self._applicants = applicants
        self._order = order
        self._left = len(applicants)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, name=f"application-{at}") for at in range(THREADS)]
        self._is_stopped = False
        self.failures: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_stopped = True
        for thread in self._threads:
            thread.join()

    @property
    def left(self) -> int:
        """The number of users who are not done."""
        with self._lock:
            return self._left

    @property
    def repetitions(self) -> int:
        """The number of repeated requests."""
        return sum(applicant.repetitions for applicant in self._applicants)

    @property
    def waiting(self) -> Sequence[str]:
        """The verifications in progress and the last answer of each, after the end."""
        return sorted(applicant.told for _, _, applicant in self._turns.queue)

    def _run(self) -> None:
        while not self._is_stopped:
            try:
                at, order, applicant = self._turns.get(timeout=0.1)
            except queue.Empty:
                continue
            if (early := at - time.monotonic()) > 0:
                self._turns.put((at, order, applicant))
                time.sleep(min(early, 0.05))
                continue
            self._take_turn(applicant)

    def _take_turn(self, applicant: Person) -> None:
        try:
            pause = applicant.step()
        except Exception as error:  # noqa: BLE001  reported by the test, which would not see it in a thread
            self.failures.append(f"{applicant.user_id}: {error!r}")
            pause = DONE
        if pause == DONE:
            with self._lock:
                self._left -= 1
                following = self._later.popleft() if self._later else None
            if following is not None:
                self._turns.put((time.monotonic(), next(self._order), following))
        else:
            self._turns.put((time.monotonic() + pause, next(self._order), applicant))


def _code(answer: requests.Response) -> str | None:
    code: str | None = answer.json().get("code")
    return code
