"""The pages for people and the OpenID provider: an application of their own, created with its first request.

Their libraries take time and memory, and most processes of an API show no page.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EXTENSION = "pages"
_PATHS = re.compile(
    r"(?:/t/[^/]+)?/(?:console|bootstrap|verify|oauth2|\.well-known/openid-configuration)(?:/.*)?", re.DOTALL
)


class Pages:
    """WSGI middleware: passes requests for pages to their application, and all others on."""

    def __init__(self, application: WSGIApplication, create: Callable[[], Flask]) -> None:
        self._application = application
        self._create = create
        self._lock = threading.Lock()
        self._pages: Flask | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        is_page = _PATHS.fullmatch(environ.get("PATH_INFO", ""))
        return (self.application if is_page else self._application)(environ, start_response)

    @property
    def application(self) -> Flask:
        """The pages' application; requests wait while it is created."""
        if self._pages is None:
            with self._lock:
                self._pages = self._pages or self._create()
        return self._pages


def applications(app: Flask) -> list[Flask]:
    """Return the API's application and, if the console is enabled, that of the pages."""
    pages: Pages | None = app.extensions.get(EXTENSION)
    return [app] if pages is None else [app, pages.application]
