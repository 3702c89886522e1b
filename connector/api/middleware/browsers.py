"""Headers for browsers: CORS, and the prohibition of caching.

CORS follows the setting `allowed_origins`, of the whole deployment and of the tenant in the path. A token is sent in a
header, never automatically by the browser, so credentials need not be allowed. The router itself answers a preflight to
OPTIONS, which needs no token.
"""

from __future__ import annotations

from flask import Flask, g, request
from werkzeug.wrappers import Response

ALLOWED_HEADERS = "Authorization, Content-Type, Prefer, X-Correlation-ID"
EXPOSED_HEADERS = "Retry-After, Preference-Applied, X-Correlation-ID"
PREFLIGHT_AGE = 600  # seconds that a browser may cache the answer to a preflight
_PUBLIC = frozenset(
    {"api-docs", "swagger_ui", "keys", "openid_discovery", "signal_metadata", "bootstrap", "console_files"}
)  # blueprints whose answers are public


def install(app: Flask) -> None:
    """Add the headers to every response, including errors."""
    app.after_request(_share)
    app.after_request(_forbid_caching)


def _share(response: Response) -> Response:
    if "Vary" in response.headers:
        response.vary.add("Origin")
    else:
        response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin")
    if origin in g.tenant.allowed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        _answer_preflight(response)
    return response


def _answer_preflight(response: Response) -> None:
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_AGE)


def _forbid_caching(response: Response) -> Response:
    """Forbid caches to store personal data: all answers except the documentation and the public keys."""
    if request.blueprint not in _PUBLIC:
        response.headers["Cache-Control"] = "no-store"
    return response
