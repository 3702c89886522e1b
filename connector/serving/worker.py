"""gunicorn's worker class: a loop for the clients, and threads that only get complete requests.

Requests are assigned to lanes by their path. Each lane has its own threads, so that overload of one lane does not
affect the others.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog
from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from connector.serving.configuration import Configuration
from connector.serving.connection import Connection
from connector.serving.intake import Intake, is_read_to_its_end
from connector.serving.lanes import Lane
from connector.serving.loop import Loop
from connector.serving.output import DisconnectedError
from connector.serving.refusals import refusal

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 4_096
SPARE_DESCRIPTORS = 256  # for descriptors other than clients' connections
# seconds that an idle connection is kept when the process stops, because a request may be on its way
STOP_IDLE_TIME = 2.0


@dataclass(frozen=True)
class Traffic:
    """The lane and body limit of each path, and the threads of each lane."""

    lane: Callable[[str], str]
    body_limit: Callable[[str], int]
    threads: Mapping[str, int]


class BufferingWorker(Worker):  # type: ignore[misc]
    """A process that serves requests; `traffic` is set before it runs."""

    traffic: Traffic
    _lanes: Mapping[str, Lane] = MappingProxyType({})  # before it runs, because it may be stopped earlier

    def run(self) -> None:
        """Serve until stopped, then finish the requests in flight."""
        max_connections = min(MAX_CONNECTIONS, raise_descriptor_limit() - SPARE_DESCRIPTORS)
        self._loop = Loop(self._new_intake, self._put, self.PIPE, max_connections)
        self._server = self.sockets[0].getsockname()
        self._configuration = Configuration(self.cfg)
        self._lanes = {name: Lane(name, number) for name, number in self.traffic.threads.items()}
        for listener in self.sockets:
            self._loop.listen(listener)
        while self.alive:
            self._turn()
        self._end()

    def handle_quit(self, sig: int, frame: object) -> None:
        """Stop at once; a second signal, such as from a held key, does not interrupt this."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, _do_nothing)  # with SIG_IGN, Python would report a signal that is already pending
        self._shut_lanes()
        super().handle_quit(sig, frame)

    def _turn(self) -> None:
        self.notify()
        self._loop.turn()
        if self.ppid != os.getppid():
            self.alive = False

    def _end(self) -> None:
        for listener in self.sockets:
            self._loop.stop_listening(listener)
            listener.close()  # new connections are refused, and reach another process
        self._loop.limit_idle(STOP_IDLE_TIME)
        end = time.monotonic() + self.cfg.graceful_timeout
        while self._loop.clients and time.monotonic() < end:
            self._turn()
        self._shut_lanes()
        self._loop.close()

    def _shut_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def _new_intake(self, peer: Any) -> Intake:
        return Intake(lambda source: Request(self._configuration, source, peer), self.traffic.body_limit)

    def _put(self, connection: Connection, request: Any) -> None:
        caller = next((value for name, value in request.headers if name == "AUTHORIZATION"), connection.peer[0])
        self._lanes[self.traffic.lane(request.path)].put(caller, partial(self._serve, connection, request))

    def _serve(self, connection: Connection, request: Any) -> None:
        """Answer a request, in a thread of its lane."""
        try:
            is_kept = self._answer(connection, request)
        except DisconnectedError:
            self._loop.abandon(connection)
        except Exception:
            log.exception("request.failed")
            self._loop.abandon(connection)  # a truncated answer must not look complete
        else:
            self._loop.answered(connection, is_kept)

    def _answer(self, connection: Connection, request: Any) -> bool:
        """Send the application's answer; returns whether another request may follow."""
        output, configuration = connection.output, self._configuration
        response, environ = wsgi.create(request, output, connection.peer, self._server, configuration)
        environ["wsgi.multithread"] = True
        environ["connector.arrival"] = connection.arrival
        if not self.alive:
            response.force_close()
        try:
            body = self.wsgi(environ, response.start_response)
        except Exception as error:
            if response.headers_sent:
                raise  # a truncated answer must not look complete
            output.sendall(refusal(error))  # for example, files of the connector were replaced while it runs
            return False
        with closing(body) if hasattr(body, "close") else nullcontext():
            output.hold()
            if isinstance(body, environ["wsgi.file_wrapper"]):
                response.write_file(body)
            else:
                for part in body:
                    response.write(part)
                    output.release()  # send the head together with the first part of the body
            response.close()
            output.release()
        return not response.should_close() and is_read_to_its_end(request)


def _do_nothing(sig: int, frame: object) -> None:
    """Do nothing about a signal."""


def raise_descriptor_limit() -> int:
    """Raise the limit of file descriptors as far as possible, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MAX_CONNECTIONS + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return needed if soft == resource.RLIM_INFINITY else soft
