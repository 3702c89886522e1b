"""One client's connection: its socket, input, output and deadline."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from connector.serving.intake import Intake
from connector.serving.output import Output

SEND_STEP = 32_768  # bytes
MAX_LINGER = 4_194_304  # bytes that a client may still send after the last answer
RECEIVE_STEP = 65_536  # bytes


@dataclass(frozen=True)
class Times:
    """Time limits for a client in seconds; each is for the whole step and is not extended by received bytes."""

    idle: float = 10.0  # a new connection that sends nothing
    head: float = 10.0  # a head, from its first byte on
    body: float = 20.0  # a body, from the head's end on
    send: float = 10.0  # to take SEND_STEP bytes of an answer, or the rest of it
    linger: float = 2.0  # to read the last answer and close
    keepalive: float = 10.0  # between two requests; proxies close idle connections earlier


class State(Enum):
    """The state of a connection."""

    RECEIVING = auto()  # nothing, or a part of a request, has arrived
    ANSWERING = auto()  # its request is with a thread or in the queue
    SENDING = auto()  # the thread is done, but the client has not received the whole answer
    LINGERING = auto()  # our side is closed; further input is dropped
    CLOSED = auto()


class Connection:
    """A client's connection; only the loop calls its methods."""

    def __init__(
        self,
        sock: socket.socket,
        peer: Any,
        intake: Intake,
        on_pending: Callable[[Connection], None],
        times: Times,
        now: float,
    ) -> None:
        self.sock = sock
        self.peer = peer
        self.intake = intake
        self.output = Output(sock, lambda: on_pending(self))
        self.state = State.RECEIVING
        self.deadline = now + times.idle
        self.held = 0  # bytes of requests in memory
        self.events = 0  # the events that the poller watches
        self.is_kept = False  # whether another request may follow the current one
        self.arrival = 0.0  # seconds that the body of the request took, from the head's end on
        self._body_began = math.inf
        self._times = times
        self._mark = 0  # `output.sent` when the client was last seen to read
        self._lingered = 0

    def receive(self, now: float) -> int | None:
        """Receive the available bytes and return their number; 0 at the end, None if none are available.

        Raises `OSError`.
        """
        try:
            data = self.sock.recv(RECEIVE_STEP)
        except BlockingIOError:
            return None
        if self.state is State.LINGERING:
            self._lingered += len(data)
            return len(data) if self._lingered <= MAX_LINGER else 0
        if self.intake.is_idle:
            self.deadline = now + self._times.head
        self.intake.feed(data)
        return len(data)

    def await_body(self, now: float) -> None:
        """Start the body's time limit; if the client expects `100 Continue`, send it."""
        self.deadline = now + self._times.body
        self._body_began = now
        if self.intake.is_expectant:
            self.output.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def await_next(self, now: float) -> None:
        """Wait for the next request, of which a part may have arrived."""
        self.state = State.RECEIVING
        self.deadline = now + (self._times.keepalive if self.intake.is_idle else self._times.head)

    def answer(self, now: float) -> None:
        """Leave the connection to a thread; its time for the answer is not limited here."""
        self.arrival, self._body_began = max(0.0, now - self._body_began), math.inf
        self.state, self.deadline = State.ANSWERING, math.inf

    def await_reader(self, now: float) -> None:
        """Extend the client's time to read, if it has read enough since the last extension."""
        if self.deadline == math.inf or self.output.sent - self._mark >= SEND_STEP:
            self.deadline, self._mark = now + self._times.send, self.output.sent

    def linger(self, now: float) -> None:
        """Close our side only, so that the client can read the answer; raises `OSError` if it has disconnected."""
        self.state, self.deadline = State.LINGERING, now + self._times.linger
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection; output that the client did not read is dropped, also by the kernel."""
        self.state = State.CLOSED
        if self.output.is_pending:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.output.close()
