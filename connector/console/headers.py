"""The headers of the console's pages: what they may load and do."""

from __future__ import annotations

from flask import g
from werkzeug.wrappers import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


def protect(response: Response) -> Response:
    """Add the headers of a page. `g.content_policy` replaces the policy for a page that needs more."""
    headers = response.headers
    headers["Content-Security-Policy"] = g.get("content_policy", POLICY)
    headers["X-Frame-Options"] = "DENY"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = g.get("permissions_policy", PERMISSIONS)
    response.vary.update(("Cookie", "HX-Request"))
    return response
