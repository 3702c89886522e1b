"""The only client for outgoing HTTP that is not Onfido's: bounded in time and size, without redirects.

    open ──► look-up ──► connect ──► TLS ──► request ──► head ──► Answer ──► read        one deadline for all of it
      any failure, at any step ──► ExchangeError, which names only the host of the address

- The deadline also applies to a head or a body that arrives slowly.
- The size limit applies to the decompressed body.
- No redirect is followed, no credential of `.netrc` is sent, no proxy of the environment is used: a proxy is named by
  the setting `outgoing_proxy`.
- Each client has its own trust store: a CA file for one peer does not affect the others.
- Plain http is allowed only to loopback. With `is_public_only`, https is allowed only to public addresses and those in
  `networks`. The address that is connected to is checked.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPResponse
from types import MappingProxyType, TracebackType
from urllib.parse import SplitResult, unquote, urlsplit

from connector import tracing
from connector.errors import ConnectorError
from connector.http.sockets import Deadline, Network, Reach, Refused, connect, own_context, public_context, start_tls

USER_AGENT = "onfido-idvp-connector"
PIECE = 64 * 1024
POST_SECONDS = 5.0
PORTS = {"http": 80, "https": 443}
_GZIP = 47  # zlib's window bits: detect gzip or zlib


class ExchangeError(ConnectorError):
    """No usable answer; `reason` says why, without the address."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}.")
        self.reason = reason


class BodyTooLargeError(ExchangeError):
    """The answer's body is longer than the limit."""


class Answer:
    """The head of an answer, with the body still to be read; a context manager that closes the connection."""

    def __init__(self, connection: _Connection, response: HTTPResponse, host: str) -> None:
        self.status = response.status
        self._connection = connection
        self._response = response
        self._host = host

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._response.close()
        self._connection.close()

    def header(self, name: str) -> str:
        """Return a header's value, empty if there is none."""
        return self._response.getheader(name) or ""

    def read(self, limit: int) -> bytes:
        """Return the body; raises `ExchangeError` if it is longer than `limit` bytes, or arrives too late."""
        body = bytearray()
        with _failures(self._host):
            for piece in self._decoded():
                body += piece
                if len(body) > limit:
                    raise BodyTooLargeError(self._host, f"the answer is longer than {limit} bytes")
        return bytes(body)

    def _decoded(self) -> Iterator[bytes]:
        encoding = self.header("Content-Encoding").strip().lower()
        if encoding in ("", "identity"):
            return self._pieces()
        if encoding in ("gzip", "x-gzip", "deflate"):
            return _inflate(self._pieces())
        raise ExchangeError(self._host, "the answer must not have a content encoding that was not requested")

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._response.read1(PIECE):
            yield piece
        if self._response.length:
            raise http.client.IncompleteRead(b"", self._response.length)


class HttpClient:
    """Sends requests to one kind of peer; shared by threads, with one connection for each exchange.

    `ca_file` is trusted instead of the public authorities; `proxy` is used for https, and then decides which addresses
    are connected to.
    """

    def __init__(
        self,
        *,
        ca_file: str = "",
        is_public_only: bool = False,
        networks: Sequence[Network] = (),
        proxy: str = "",
    ) -> None:
        self._own_context = own_context(ca_file) if ca_file else None
        self._reach = Reach(is_public_only=is_public_only, networks=tuple(networks))
        self._proxy = urlsplit(proxy) if proxy else None

    def open(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | Iterator[bytes] | None = None,
    ) -> Answer:
        """Send a request and return the head of the answer; the whole exchange ends within `seconds`.

        A body in pieces needs the header Content-Length. Raises `ExchangeError`. The caller closes the answer.
        """
        parts = _split(url)
        host = parts.netloc
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close", **headers}
        with _traced(method, parts) as span, _failures(host):
            connection = self._connection(parts, Deadline(seconds))
            try:
                connection.request(method, _target(parts), body=body, headers={**sent, **span.headers})
                answer = Answer(connection, connection.getresponse(), host)
            except BaseException:
                connection.close()
                raise
            span.answered(answer.status, is_failure=answer.status >= HTTPStatus.BAD_REQUEST)
            return answer

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Post a body and return the answer's status and correlation id; raise `ExchangeError`."""
        with self.open("POST", url, seconds=POST_SECONDS, headers=headers, body=body) as answer:
            return answer.status, answer.header("X-Correlation-ID")

    def _connection(self, parts: SplitResult, deadline: Deadline) -> _Connection:
        host, port, is_tls = parts.hostname or "", parts.port or PORTS[parts.scheme], parts.scheme == "https"
        context = self._own_context or public_context() if is_tls else None
        if is_tls and self._proxy is not None:
            connection = _Connection(self._proxy.hostname or "", self._proxy.port or 80, deadline, context)
            connection.set_tunnel(host, port, _proxy_headers(self._proxy))
            return connection
        connection = _Connection(host, port, deadline, context)
        connection.reach = replace(self._reach, is_loopback_only=not is_tls)
        return connection


class _Connection(http.client.HTTPConnection):
    """A connection for one exchange; with a tunnel, `host` is the proxy."""

    reach = Reach()  # a proxy's own

    def __init__(self, host: str, port: int, deadline: Deadline, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.default_port = PORTS["https" if context else "http"]
        self._deadline = deadline
        self._context = context
        self._tls_host = host
        self._is_tunnelled = False

    def set_tunnel(self, host: str, port: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Connect to a host through the proxy."""
        super().set_tunnel(host, port, headers)
        self._tls_host = host
        self._is_tunnelled = True

    def connect(self) -> None:
        """Open the connection, and shake hands."""
        sock = connect(self.host, self.port, self._deadline, self.reach)
        self.sock = sock
        if self._is_tunnelled:
            self._pass_proxy()
        if self._context is not None:
            self.sock = start_tls(sock, self._context, self._tls_host, self._deadline)

    def _pass_proxy(self) -> None:
        """Request the tunnel, and close the proxy's answer: early releases of Python 3.11 leave it open."""
        with ExitStack() as answers:
            self.response_class = lambda *args, **options: (  # type: ignore[assignment]  # it is only called
                answers.enter_context(HTTPResponse(*args, **options))
            )
            try:
                self._tunnel()  # type: ignore[attr-defined]  # as http.client's own connections do
            except TimeoutError:
                raise
            except OSError as error:
                raise Refused("the proxy refused the connection") from error
        del self.response_class


@contextmanager
def _failures(host: str) -> Iterator[None]:
    """Convert every failure of an exchange into an `ExchangeError`."""
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException, zlib.error) as error:
        raise ExchangeError(host, _reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted: {error.verify_message.rstrip('.')}"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "there is no such host"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses connections: check the address, and that it runs"
    return str(error) if isinstance(error, Refused) else type(error).__name__


def _split(url: str) -> SplitResult:
    """Split an address; raises `ExchangeError` if it is not http or https, or contains credentials."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # accessing the port validates it
    except ValueError:
        raise ExchangeError("The address", "it must be a URL") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.username or parts.password:
        raise ExchangeError(parts.hostname or "The address", "it must be an https URL without credentials")
    return parts


def _traced(method: str, parts: SplitResult) -> AbstractContextManager[tracing.Span]:
    """Open a span up to the answer's head; it has only the host, because a path may contain a user id."""
    return tracing.call(method, {"http.request.method": method, "server.address": parts.hostname or ""})


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


def _inflate(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress in small steps, because a small body may expand to a huge one."""
    decoder = zlib.decompressobj(_GZIP)
    for piece in pieces:
        rest = piece
        while rest:
            yield decoder.decompress(rest, PIECE)
            rest = decoder.unconsumed_tail
        if decoder.eof:
            return
    raise zlib.error("the body ends early")
