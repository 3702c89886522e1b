"""The event loop for all clients, in one thread; it never blocks on a single client.

    RECEIVING ──► ANSWERING ──► SENDING ──► RECEIVING   if the connection is kept
        │          (a thread)      └──────► LINGERING ──► CLOSED
        └ late, malformed: refused ───────────┘

Late clients are disconnected. When there are too many connections, the oldest ones of the address that has the most of
them are closed; when too much memory is used, those that use the most.
"""

from __future__ import annotations

import math
import os
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from connector.serving.connection import Connection, State, Times
from connector.serving.intake import Intake
from connector.serving.refusals import Late, refusal

log = structlog.get_logger(__name__)

MAX_HELD = 67_108_864  # bytes of requests in memory
ACCEPT_STEP = 64  # connections that are accepted before other events are handled
CROWD_STEP = 64  # connections that are closed when there are too many
SEND_BUFFER = (
    131_072  # bytes of an answer that the kernel buffers; with more, slow readers look the same as stalled ones
)
LOOK_EVERY = 0.25  # seconds between two checks for late clients

DEFAULT_TIMES = Times()
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Loop:
    """All clients of one process.

    `new_intake` creates the intake for an address; `on_request` is called with a connection and each complete request,
    lets a thread answer it through `connection.output`, and then calls `answered`. `pipe` wakes the loop: bytes that
    are written to its second end are dropped.
    """

    def __init__(
        self,
        new_intake: Callable[[Any], Intake],
        on_request: Callable[[Connection, Any], None],
        pipe: tuple[int, int],
        max_connections: int,
        *,
        times: Times = DEFAULT_TIMES,
        max_held: int = MAX_HELD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new_intake = new_intake
        self._on_request = on_request
        self._pipe = pipe
        self._max_connections = max_connections
        self._times = times
        self._max_held = max_held
        self._clock = clock
        self._poller = selectors.DefaultSelector()
        self._poller.register(pipe[0], READ, self._woken)
        self._connections: dict[Connection, None] = {}  # in order of arrival
        self._calls: deque[tuple[Connection, Callable[[], None]]] = deque()
        self._held = 0
        self._looked_at = 0.0

    @property
    def clients(self) -> int:
        """Return how many clients are connected."""
        return len(self._connections)

    def listen(self, listener: Any) -> None:
        """Accept a listening socket's connections from now on."""
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._poller.register(listener, READ, partial(self._accept, listener))

    def stop_listening(self, listener: Any) -> None:
        """Accept the connections that are already waiting, and no later ones."""
        self._accept(listener)
        self._poller.unregister(listener)

    def turn(self, timeout: float = LOOK_EVERY) -> None:
        """Handle pending events, after waiting for at most `timeout` seconds."""
        ready = self._poller.select(0 if self._calls else timeout)
        self._run_calls()  # first, because the events may be the next requests of connections that were answered
        for key, events in ready:
            key.data(events)
        if (now := self._clock()) >= self._looked_at + LOOK_EVERY:
            self._looked_at = now
            self._close_late(now)

    def answered(self, connection: Connection, is_kept: bool) -> None:
        """Report, from any thread, that a request is answered, and whether another may follow on the connection.

        If there is nothing to do until that one arrives, the loop is not woken: it learns of the answer then, or when
        it looks for late clients.
        """
        self._calls.append((connection, partial(self._answered, connection, is_kept)))
        # Checked after the call is queued: a loop that stops watching the connection looks for calls before it waits.
        if not (is_kept and connection.events == READ and connection.intake.is_idle):
            self._wake()

    def abandon(self, connection: Connection) -> None:
        """Close a connection, from any thread, whose answer cannot be completed."""
        self._call(connection, partial(self._close, connection))

    def limit_idle(self, seconds: float) -> None:
        """Limit how long connections without a request are kept."""
        self._run_calls()
        end = self._clock() + seconds
        for connection in self._connections:
            if connection.state is State.RECEIVING and connection.intake.is_idle:
                connection.deadline = min(connection.deadline, end)

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            self._close(connection)
        self._poller.close()

    def _call(self, connection: Connection, function: Callable[[], None]) -> None:
        self._calls.append((connection, function))
        self._wake()

    def _run_calls(self) -> None:
        for _ in range(len(self._calls)):
            connection, function = self._calls.popleft()
            self._attempt(connection, function)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe also wakes the loop
            os.write(self._pipe[1], b".")

    def _woken(self, _events: int) -> None:
        with suppress(BlockingIOError):
            os.read(self._pipe[0], 4_096)

    def _accept(self, listener: Any, _events: int = READ) -> None:
        for _ in range(ACCEPT_STEP):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # the client has disconnected, or there is no descriptor left
                log.debug("connection.not_accepted", reason=type(error).__name__)
                self._make_room()
                return
            self._open(sock, peer)

    def _open(self, sock: socket.socket, peer: Any) -> None:
        sock.setblocking(False)
        if len(self._connections) >= self._max_connections:
            self._make_room()
        if len(self._connections) >= self._max_connections:  # every connection's request is with a thread
            sock.close()
            return
        connection = Connection(sock, peer, self._new_intake(peer), self._output_pending, self._times, self._clock())
        self._connections[connection] = None
        self._watch(connection, READ)

    def _make_room(self) -> None:
        waiting = [each for each in self._connections if each.state is not State.ANSWERING]
        crowds = Counter(each.peer[0] for each in waiting)
        waiting.sort(key=lambda each: -crowds[each.peer[0]])
        for connection in waiting[:CROWD_STEP]:
            self._close(connection)

    def _attempt(self, connection: Connection, function: Callable[[], None]) -> None:
        """Run an action on a connection; a failure closes that connection, never the loop."""
        try:
            function()
        except OSError:
            self._close(connection)
        except Exception:
            log.exception("connection.failed")
            self._close(connection)

    def _ready(self, connection: Connection, events: int) -> None:
        if not events & connection.events:
            return  # no longer watched, because of a call in the same turn
        if connection.state is State.ANSWERING and events == READ:
            self._watch(connection, 0)  # further input waits in the kernel
        elif connection.state is not State.CLOSED:
            self._attempt(connection, partial(self._flush if events & WRITE else self._receive, connection))

    def _receive(self, connection: Connection) -> None:
        now = self._clock()
        size = connection.receive(now)
        if size == 0:
            self._close(connection)
        elif size is not None and connection.state is State.RECEIVING:
            self._hold(connection, connection.held + size)
            if connection in self._connections:
                self._take(connection, now)

    def _take(self, connection: Connection, now: float) -> None:
        """Hand over a complete request, or continue to receive."""
        awaited_body = connection.intake.awaits_body
        try:
            request = connection.intake.take()
        except Exception as error:  # noqa: BLE001  any error of gunicorn's parser is answered
            self._refuse(connection, error, now)
            return
        if request is None:
            if connection.intake.awaits_body and not awaited_body:
                connection.await_body(now)
            self._watch(connection, READ)
            return
        connection.answer(now)  # the socket stays watched, because nearly all clients send nothing before the answer
        self._on_request(connection, request)

    def _hold(self, connection: Connection, size: int) -> None:
        self._held += size - connection.held
        connection.held = size
        while self._held > self._max_held:
            receiving = [each for each in self._connections if each.state is State.RECEIVING and each.held]
            if not receiving:
                return
            self._close(max(receiving, key=lambda each: each.held))

    def _refuse(self, connection: Connection, error: Exception, now: float) -> None:
        connection.is_kept = False
        connection.output.sendall(refusal(error))
        self._continue(connection, now)

    def _answered(self, connection: Connection, is_kept: bool) -> None:
        if connection.state is State.CLOSED:
            return
        connection.is_kept = is_kept
        self._hold(connection, connection.intake.size)
        self._continue(connection, self._clock())

    def _continue(self, connection: Connection, now: float) -> None:
        """Continue after an answer; raises `OSError` if the client has disconnected."""
        if connection.output.is_pending:
            connection.state = State.SENDING
            self._await_reader(connection)
        elif connection.is_kept:
            connection.await_next(now)
            self._take(connection, now)
        else:
            connection.linger(now)
            self._watch(connection, READ)

    def _output_pending(self, connection: Connection) -> None:
        self._call(connection, partial(self._await_reader, connection))

    def _await_reader(self, connection: Connection) -> None:
        if connection.state in (State.ANSWERING, State.SENDING) and connection.output.is_pending:
            connection.await_reader(self._clock())
            self._watch(connection, WRITE)

    def _flush(self, connection: Connection) -> None:
        if connection.output.flush():
            connection.await_reader(self._clock())
            return
        self._watch(connection, 0)
        connection.deadline = math.inf
        if connection.state is State.SENDING:
            self._continue(connection, self._clock())

    def _close_late(self, now: float) -> None:
        for connection in [each for each in self._connections if each.deadline <= now]:
            is_half_here = connection.state is State.RECEIVING and not connection.intake.is_idle
            end = partial(self._refuse, connection, Late(), now) if is_half_here else partial(self._close, connection)
            self._attempt(connection, end)

    def _close(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._watch(connection, 0)
        self._held -= connection.held
        connection.close()

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.events:
            return
        if not events:
            self._poller.unregister(connection.sock)
        elif connection.events:
            self._poller.modify(connection.sock, events, partial(self._ready, connection))
        else:
            self._poller.register(connection.sock, events, partial(self._ready, connection))
        connection.events = events
