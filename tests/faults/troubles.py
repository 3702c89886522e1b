"""The faults of a site, in an order that only the seed determines."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection

from connector.simulator.faults import ALWAYS, Shape
from tests.faults.deployment import Process
from tests.faults.site import BUDGET, Site

LONGEST_PAUSE = 0.6  # seconds between two troubles
LONGEST_WAIT = 60.0  # seconds for progress: all processes start anew in that time
MEETING = 0.25  # of the troubles
START_RUN, CREATE_APPLICANT = "POST /workflow_runs", "POST /applicants"


class Troubles:
    """Injects every fault at least once, then random ones until `stop`. `told` lists them, `only` restricts them.

    The next fault comes only after `has_advanced` has returned true, so that users make progress on
    a slow machine as well. Every fourth fault does not wait, so that some faults coincide.
    """

    def __init__(
        self, site: Site, seed: int, only: Collection[str] = (), has_advanced: Callable[[], bool] = lambda: True
    ) -> None:
        self._only = only
        self._has_advanced = has_advanced
        self._site = site
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="troubles")
        self._began_at = 0.0
        self.have_all_come = threading.Event()
        self._failure: Exception | None = None
        self.told: list[str] = []

    def start(self) -> None:
        self._began_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the faults and repair everything; a second call has no effect."""
        self._stopping.set()
        self._thread.join()
        if self._failure:
            raise self._failure
        self._site.set_faults()

    def _run(self) -> None:
        kinds = self._kinds()
        coming = self._random.sample(kinds, len(kinds))
        try:
            while not self._stopping.is_set():
                trouble = coming.pop() if coming else self._random.choice(kinds)
                self.told.append(f"{time.monotonic() - self._began_at:6.2f} {trouble.__name__.strip('_')}")
                trouble()
                if not coming:
                    self.have_all_come.set()
                self._pause()
        except Exception as error:  # noqa: BLE001  raised again by `stop`
            self._failure = error

    def _pause(self) -> None:
        self._stopping.wait(self._random.uniform(0.05, LONGEST_PAUSE))
        if self._random.random() < MEETING:
            return
        end = time.monotonic() + LONGEST_WAIT
        while not self._has_advanced() and time.monotonic() < end and not self._stopping.wait(0.05):
            pass

    def _kinds(self) -> list[Callable[[], None]]:
        kinds = [
            self._kill_web,
            self._kill_web,
            self._kill_web_child,
            self._freeze_web,
            self._onfido_is_away,
            self._onfido_throttles,
            self._onfido_fails,
            self._answers_are_lost,
            self._answers_are_lost,
            self._a_proxy_answers,
            self._lists_change,
            self._onfido_is_slow,
            self._runs_end_early,
            self._runs_have_no_token,
            self._webhooks_are_lost,
            self._webhooks_are_doubled,
            self._webhooks_are_late,
            self._webhooks_are_reordered,
            self._time_passes,
        ]
        if self._site.deployment.workers:
            kinds += [self._kill_worker, self._kill_worker, self._replace_worker]
        if self._site.postgresql:
            kinds += [self._database_loses_power, self._connections_are_cut, self._connections_are_cut]
        return [each for each in kinds if not self._only or each.__name__.strip("_") in self._only]

    # The connector

    def _kill_web(self) -> None:
        self._kill(self._random.choice(self._site.deployment.webs))

    def _kill_worker(self) -> None:
        self._kill(self._random.choice(self._site.deployment.workers))

    def _kill(self, process: Process) -> None:
        process.kill()
        self._stopping.wait(self._random.uniform(0, 0.4))
        process.start()

    def _freeze_web(self) -> None:
        """Suspend a server, sometimes for longer than a request's time limit, so that its data arrives too late."""
        with self._random.choice(self._site.deployment.webs).frozen():
            self._stopping.wait(self._random.uniform(0.2, BUDGET + 1))

    def _kill_web_child(self) -> None:
        self._random.choice(self._site.deployment.webs).kill_children()

    def _replace_worker(self) -> None:
        self._random.choice(self._site.deployment.workers).replace()

    # Onfido

    def _onfido_is_away(self) -> None:
        self._site.simulator.stop()
        self._stopping.wait(self._random.uniform(0.2, 1.2))
        self._site.simulator.start()

    def _onfido_throttles(self) -> None:
        self._site.set_faults(throttled=self._random.randint(5, 30), retry_after=self._random.randint(0, 1))

    def _onfido_fails(self) -> None:
        self._site.set_faults(failed=self._random.randint(1, 5), failed_status=self._random.choice([500, 502, 503]))

    def _answers_are_lost(self) -> None:
        switch = self._random.choice(["failed_after", "dropped_after"])
        route = self._random.choice([START_RUN, START_RUN, CREATE_APPLICANT])
        self._site.set_faults(route=route, **{switch: self._random.randint(3, 8)})
        self._stopping.wait(0.4)  # long enough for a request to meet it

    def _a_proxy_answers(self) -> None:
        status = self._random.choice([403, 404, 408, 425, 499])
        self._site.set_faults(route=START_RUN, failed_after=self._random.randint(3, 8), failed_status=status)
        self._stopping.wait(0.4)

    def _lists_change(self) -> None:
        """Hide the tags in Onfido's lists of runs, or show them again."""
        self._site.lists_untagged = 0 if self._site.lists_untagged else ALWAYS
        self._answers_are_lost()

    def _onfido_is_slow(self) -> None:
        self._site.set_faults(latency_ms=self._random.randint(50, 400))

    def _runs_end_early(self) -> None:
        switch = self._random.choice(["runs_early", "runs_instant"])
        shape = self._random.choice(list(Shape))
        self._site.set_faults(output_shape=shape, **{switch: self._random.randint(1, 4)})

    def _runs_have_no_token(self) -> None:
        self._site.set_faults(runs_without_sdk_token=self._random.randint(1, 5))

    # Webhooks

    def _webhooks_are_lost(self) -> None:
        self._site.set_faults(webhooks_lost=self._random.randint(5, 40))

    def _webhooks_are_doubled(self) -> None:
        self._site.set_faults(webhooks_doubled=self._random.randint(5, 40))

    def _webhooks_are_late(self) -> None:
        self._site.set_faults(webhook_delay_ms=self._random.randint(200, 2000))

    def _webhooks_are_reordered(self) -> None:
        self._site.set_faults(events_reordered=-1)

    # The database, and time

    def _database_loses_power(self) -> None:
        assert self._site.postgresql
        self._site.postgresql.pull_the_plug()

    def _connections_are_cut(self) -> None:
        assert self._site.postgresql
        for _ in range(self._random.randint(1, 10)):
            self._site.postgresql.cut_connections()

    def _time_passes(self) -> None:
        self._site.pass_time()
