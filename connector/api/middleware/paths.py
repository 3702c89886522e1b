"""Reading paths: one final slash is ignored, and an encoded slash belongs to the id that contains it.

A server decodes the path before it calls the application, and `a%2Fb` then looks like two segments. So the path is
decoded here again, with `ENCODED_SLASH` instead of such a slash, which becomes a slash in the values of routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from flask import Flask, request
from werkzeug.exceptions import NotFound
from werkzeug.routing import UnicodeConverter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_VALUE = 255  # characters of an id, the length of the database's columns
ENCODED_SLASH = "\x1f"  # no id contains it, because it is not printable
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)
_AUTHORITY = re.compile("[a-z]+://[^/?#]*", re.IGNORECASE)  # in front of the path, as clients send it to proxies


def install(app: Flask) -> None:
    """Apply these rules to the path of every request; call it before any route is registered."""
    app.url_map.merge_slashes = False  # otherwise the router would redirect to the host in the request
    app.url_map.strict_slashes = False  # otherwise `/docs/`, which is registered with its slash, would redirect
    app.url_map.converters["default"] = _Segment
    app.wsgi_app = _PathReader(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_check_path)


class _PathReader:
    """WSGI middleware that rewrites the path for the routes."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "").replace(ENCODED_SLASH, "\0")
        if _ENCODED_SLASH.search(sent := _path_as_sent(environ)):
            encoded = _ENCODED_SLASH.sub(ENCODED_SLASH, sent.replace("%1f", "%00").replace("%1F", "%00"))
            path = unquote_to_bytes(encoded).decode("latin-1").removeprefix(environ.get("SCRIPT_NAME", ""))
        environ["PATH_INFO"] = path if path.endswith("//") else path.removesuffix("/") or "/"
        return self._application(environ, start_response)


def _path_as_sent(environ: WSGIEnvironment) -> str:
    """Return the path as the client sent it; empty if the server does not provide it."""
    target: str = environ.get("RAW_URI", "")
    if not target.startswith("/"):
        target = _AUTHORITY.sub("", target)
    return target.partition("?")[0]


class _Segment(UnicodeConverter):
    """One segment of a path, in which a slash can be written `%2F`."""

    def to_python(self, value: str) -> str:
        """Return the decoded value."""
        return value.replace(ENCODED_SLASH, "/")

    def to_url(self, value: str) -> str:
        """Return the value in the form of a path."""
        return super().to_url(value).replace("/", "%2F")


def _check_path() -> None:
    """Refuse several leading slashes, ids longer than the database's columns and unprintable characters."""
    if request.environ["PATH_INFO"].startswith("//"):  # the router would treat several leading slashes as one
        raise NotFound
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and (len(value) > MAX_VALUE or not value.isprintable()):
            raise NotFound
