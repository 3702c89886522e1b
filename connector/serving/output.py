"""A client's pending output: sent at once if its socket accepts it, otherwise later by the loop.

A thread blocks only if a download is far ahead of its reader; the loop closes connections that do not read.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO

ROOM = 65_536  # pending bytes above which a thread that adds more has to wait
MOST_AT_ONCE = 64  # parts
STEP = 1_048_576  # bytes that one client gets before the others' turn


class DisconnectedError(OSError):
    """The client has closed the connection, or did not read."""


@dataclass
class _File:
    """A part of a file, which is sent directly from the file."""

    descriptor: int
    offset: int
    count: int


class Output:
    """The output of one client; threads add bytes and files, and the loop sends data that the socket did not accept.

    `on_pending` is called, by the thread that added it, when something is left for the loop.
    """

    def __init__(self, sock: socket.socket, on_pending: Callable[[], None]) -> None:
        self._socket = sock
        self._on_pending = on_pending
        self._parts: deque[memoryview | _File] = deque()
        self._pending = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_held = False
        self.sent = 0  # total bytes sent, which show the loop whether the client reads

    @property
    def is_pending(self) -> bool:
        """Whether something is left to send."""
        return bool(self._parts)

    def hold(self) -> None:
        """Send nothing until `release`, except large output, so that a head is sent together with the start of its
        body.
        """
        self._is_held = True

    def release(self) -> None:
        """Send the held data; raises `DisconnectedError`."""
        if self._is_held:
            self._is_held = False
            with self._changed:
                self._send()
                is_pending = self.is_pending
            if is_pending:
                self._on_pending()

    def sendall(self, data: bytes) -> None:
        """Send bytes; waits while too many are pending, and raises `DisconnectedError`."""
        self._put(memoryview(data), len(data))

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int = 0) -> None:
        """Queue a part of a file; the caller may close the file."""
        self._put(_File(os.dup(file.fileno()), offset, count), count)

    def _put(self, part: memoryview | _File, size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._pending <= ROOM)
            self._parts.append(part)
            self._pending += size
            if self._is_held and self._pending <= ROOM:
                return
            self._send()
            is_pending = self.is_pending
        if is_pending:
            self._on_pending()

    def flush(self) -> bool:
        """Send as much as the socket accepts; False once nothing is left. Raises `DisconnectedError`."""
        with self._changed:
            self._send()
            self._changed.notify_all()
            return self.is_pending

    def close(self) -> None:
        """Close the socket, and wake the threads that wait for it."""
        with self._changed:
            self._is_closed = True
            self._drop()
            self._socket.close()
            self._changed.notify_all()

    def _send(self) -> None:
        budget = STEP
        try:
            while self._parts and budget > 0:
                count = self._send_first()
                self.sent += count
                self._pending -= count
                budget -= count
        except BlockingIOError:
            return
        except OSError as error:  # a closed socket reports this as well
            self._drop()
            raise DisconnectedError from error

    def _send_first(self) -> int:
        """Send from the file that comes first, or all bytes before the next file in one call."""
        if isinstance(first := self._parts[0], _File):
            return self._send_from_file(first)
        texts = list(_before_file(islice(self._parts, MOST_AT_ONCE)))
        count = left = self._socket.sendmsg(texts)
        for text in texts:
            if left < len(text):
                self._parts[0] = text[left:]
                break
            self._parts.popleft()
            left -= len(text)
        return count

    def _send_from_file(self, part: _File) -> int:
        count = os.sendfile(self._socket.fileno(), part.descriptor, part.offset, min(part.count, STEP))
        if count == 0 and part.count:
            raise OSError  # the file was truncated
        part.offset += count
        part.count -= count
        if part.count == 0:
            os.close(part.descriptor)
            self._parts.popleft()
        return count

    def _drop(self) -> None:
        for part in self._parts:
            if isinstance(part, _File):
                os.close(part.descriptor)
        self._parts.clear()
        self._pending = 0


def _before_file(parts: Iterable[memoryview | _File]) -> Iterator[memoryview]:
    for each in parts:
        if isinstance(each, _File):
            return
        yield each
