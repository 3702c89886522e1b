"""A client's received bytes, and the detection of complete requests.

Only the ends of head and body are determined here. gunicorn's parser reads the head, and its readers the body, from
memory: they refuse malformed requests as usual, and if the two disagree, the connection is closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import InvalidChunkSize, InvalidHeader, LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader
from werkzeug.exceptions import RequestEntityTooLarge

MAX_HEAD = 65_536  # bytes of request line and headers together
MAX_CHUNK_LINE = 1_024  # bytes; a size needs 8
READ_STEP = 8_192  # bytes that a reader gets at once, unless it requests a size

_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}(?=[ \t;]|$)")


class Intake:
    """The input of one client: bytes in, complete requests out.

    `parse` creates gunicorn's request from an `Unreader`, and `body_limit` returns the maximum length of the body for a
    path.
    """

    def __init__(self, parse: Callable[[Unreader], Request], body_limit: Callable[[str], int]) -> None:
        self._parse = parse
        self._body_limit = body_limit
        self._received = bytearray()
        self._seen = 0  # bytes of the head that were already searched for its end
        self._request: Any = None  # a request whose body is not complete
        self._source = _Memory(b"")
        self._body: _Body = _Sized(0)

    @property
    def is_idle(self) -> bool:
        """Whether no request has started."""
        return self._request is None and not self._received

    @property
    def awaits_body(self) -> bool:
        """Whether a head has arrived without its body."""
        return self._request is not None

    def feed(self, data: bytes) -> None:
        """Add bytes from the client."""
        self._received += data

    def take(self) -> Any:
        """Return the next complete request, or None; raises gunicorn's errors for a malformed head."""
        if self._request is None and not self._take_head():
            return None
        end = self._body.end(self._received)
        if end is None:
            return None
        if end >= 0:
            self._source.feed(bytes(self._received[:end]))
            del self._received[:end]
        else:
            self._pass_on_unread()
        request, self._request = self._request, None
        request._expected_100_continue = False  # gunicorn would send it from the thread
        return request

    @property
    def is_expectant(self) -> bool:
        """Whether the client expects `100 Continue` before its body."""
        return self._request is not None and bool(self._request._expected_100_continue)

    @property
    def size(self) -> int:
        """Return the number of buffered bytes."""
        return len(self._received)

    def _take_head(self) -> bool:
        end = self._received.find(b"\r\n\r\n", max(0, self._seen - 3))
        if end < 0:
            self._check_unfinished_head()
            return False
        head = bytes(self._received[: end + 4])
        if len(head) > MAX_HEAD:
            raise LimitRequestHeaders("head")
        del self._received[: end + 4]
        self._seen = 0
        self._source = _Memory(head)
        self._request = self._parse(self._source)
        limit = self._body_limit(self._request.path)
        reader = self._request.body.reader
        self._body = _Chunked(limit) if isinstance(reader, ChunkedReader) else _Sized(reader.length, limit)
        return True

    def _check_unfinished_head(self) -> None:
        if _BARE_LINE_FEED.search(self._received, max(0, self._seen - 1)):
            raise InvalidHeader("bare LF as line terminator")
        if len(self._received) > MAX_HEAD:
            raise LimitRequestHeaders("head")
        self._seen = len(self._received)

    def _pass_on_unread(self) -> None:
        """Pass on a body that cannot be read to its end, so that the application refuses it."""
        is_too_long = self._body.is_too_long
        self._request.body = Body(_Unreadable(RequestEntityTooLarge() if is_too_long else InvalidChunkSize(b"")))
        self._received.clear()
        self._request.force_close()


def is_read_to_its_end(request: Any) -> bool:
    """Whether gunicorn read a body to the end that `Intake` determined; only then another request may follow."""
    body = request.body
    if body.failed:
        return False
    try:
        while body.read(READ_STEP):
            pass
    except Exception:  # noqa: BLE001  after any error of the reader, the start of the next request is unknown
        return False
    return not request.unreader.read()


class _Body(Protocol):
    """Determines the end of a body."""

    is_too_long: bool

    def end(self, received: bytearray) -> int | None:
        """Return where the body ends, None until it has arrived, -1 if it has no valid end."""


class _Sized:
    """A body whose length is in the head."""

    def __init__(self, length: int, limit: int = 0) -> None:
        self._length = length
        self.is_too_long = length > limit

    def end(self, received: bytearray) -> int | None:
        if self.is_too_long:
            return -1
        return self._length if len(received) >= self._length else None


class _Chunked:
    """A chunked body: chunks, an empty chunk, trailers."""

    def __init__(self, limit: int) -> None:
        self._limit = limit + limit // 8 + MAX_CHUNK_LINE  # room for the sizes of reasonable chunks
        self._at = 0  # where the next size, or the trailers, begin
        self._seen = 0  # bytes that were already searched for the end of the trailers
        self._is_in_trailers = False
        self.is_too_long = False

    def end(self, received: bytearray) -> int | None:
        end = self._trailers_end(received) if self._is_in_trailers else self._find(received)
        if end is None and len(received) > self._limit:
            self.is_too_long = True
            return -1
        return end

    def _find(self, received: bytearray) -> int | None:
        while (line_end := received.find(b"\r\n", self._at, self._at + MAX_CHUNK_LINE)) >= 0:
            size = _CHUNK_SIZE.match(received, self._at, line_end)
            if size is None:
                return -1
            data = line_end + 2
            if (length := int(size[0], 16)) == 0:
                self._at, self._is_in_trailers = data, True
                return self._trailers_end(received)
            end = data + length
            if len(received) < end + 2:
                return None
            if received[end : end + 2] != b"\r\n":
                return -1
            self._at = end + 2
        return -1 if len(received) >= self._at + MAX_CHUNK_LINE else None

    def _trailers_end(self, received: bytearray) -> int | None:
        if received.startswith(b"\r\n", self._at):
            return self._at + 2
        end = received.find(b"\r\n\r\n", max(self._at, self._seen - 3))
        if end >= 0:
            return end + 4
        has_bare_line_feed = _BARE_LINE_FEED.search(received, max(self._at, self._seen - 1))
        is_malformed = len(received) - self._at > MAX_HEAD or has_bare_line_feed
        self._seen = len(received)
        return -1 if is_malformed else None


class _Memory(Unreader):  # type: ignore[misc]
    """The source for gunicorn's parser and readers: the received bytes, then the end."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._rest = memoryview(data)

    def feed(self, data: bytes) -> None:
        """Append bytes of the body, after the head has been read."""
        self._rest = memoryview(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes, in small parts, because the readers copy the remainder repeatedly."""
        size = max(READ_STEP, size_hint or 0)
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data


class _Unreadable:
    """The reader of a body that was not received because it is too long or has no valid end."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, _size: int) -> NoReturn:
        raise self._error
