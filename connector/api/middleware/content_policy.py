"""The Content-Security-Policy: answers may load nothing, the documentation's page only its own files.

No answer may be framed, which prevents clickjacking, or be taken for another media type than its own.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.wrappers import Response

HEADER = "Content-Security-Policy"
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_DOCUMENTATION = "docs"  # the blueprint


def install(app: Flask, public_url: str) -> None:
    """Add the policy to every response that has none of its own; the documentation may call the API at `public_url`."""
    public = urlsplit(public_url)
    page = _of_page(f"{public.scheme}://{public.netloc}")

    def protect(response: Response) -> Response:
        is_page = request.blueprint == _DOCUMENTATION and response.mimetype == "text/html"
        response.headers.setdefault(HEADER, page if is_page else NOTHING)
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    app.after_request(protect)


def _of_page(origin: str) -> str:
    """Allow the page its own files; Swagger UI writes styles into its elements, and its icons are data."""
    return (
        f"{NOTHING}; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"connect-src 'self' {origin}"
    )
