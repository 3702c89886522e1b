"""The process that serves requests, run to its end in this one."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from connector.serving.worker import SWITCH_INTERVAL, BufferingWorker, Traffic


@pytest.fixture
def worker() -> Iterator[BufferingWorker]:
    """A worker that has been told to stop, with one listening socket."""
    before, configuration = sys.getswitchinterval(), Config()
    listener = socket.create_server(("127.0.0.1", 0))
    made = BufferingWorker(1, os.getppid(), [listener], None, 30, configuration, Logger(configuration))
    made.PIPE = os.pipe2(os.O_NONBLOCK)
    made.traffic = Traffic(lane=str, body_limit=len, threads={"requests": 1})
    made.alive = False
    yield made
    made.tmp.close()
    sys.setswitchinterval(before)


def test_a_thread_waits_less_for_its_turn_to_run_than_a_request_takes(worker: BufferingWorker) -> None:
    worker.run()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    assert SWITCH_INTERVAL <= 0.001
