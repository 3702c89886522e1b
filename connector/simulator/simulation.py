"""The parts of one simulator, and the helpers of its endpoints."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, cast

from flask import current_app, request

from connector.simulator import errors
from connector.simulator.deliveries import Sender
from connector.simulator.state import State
from connector.simulator.validation import Json

EXTENSION = "simulation"


@dataclass(frozen=True)
class Simulation:
    """One simulator; `stopping` wakes threads that simulate latency."""

    state: State
    sender: Sender
    stopping: threading.Event

    def hold_up(self, route: str, seconds: float) -> None:
        """Wait for the latency of this route, or until it is switched off."""
        with self.state.faults_changed:
            self.state.faults_changed.wait_for(
                lambda: self.stopping.is_set() or not self.state.faults.concerns("latency_ms", route), seconds
            )

    def stop(self) -> None:
        """Wake the delayed calls."""
        self.stopping.set()
        with self.state.lock:
            self.state.faults_changed.notify_all()


class Shown(Protocol):
    """A record that is shown."""

    def as_json(self) -> Json:
        """The record as JSON."""


def simulation() -> Simulation:
    """The simulator that this request arrived at."""
    return cast(Simulation, current_app.extensions[EXTENSION])


@contextmanager
def locked() -> Iterator[State]:
    """The state of the simulator of this request, locked for this request."""
    state = simulation().state
    with state.lock:
        yield state


def shown(find: Callable[[State], Shown]) -> Json:
    """Return a record of this simulator as JSON."""
    with locked() as state:
        return find(state).as_json()


def json_body() -> Json:
    """The request's JSON object; raises `ApiError` 400 for anything else."""
    body = read_json(request.get_data())
    if not isinstance(body, dict):
        raise errors.bad_request("The request body must be a JSON object")
    return body


def read_json(text: str | bytes) -> Any:
    """Read JSON; raises `ApiError` 400 for invalid JSON."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise errors.bad_request("The request body must be JSON") from None


def root_url() -> str:
    """Return the address at which the caller reaches this simulator."""
    return request.root_url.rstrip("/")


def page_of(records: list[Any], number: int, size: int) -> list[Any]:
    """Cut one page out of a list; the first is number 1."""
    return records[(number - 1) * size : number * size]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
