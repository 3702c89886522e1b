"""What browsers may do with our answers: nothing, and of the documentation's page what it needs itself.

No answer may be framed, so that nobody is led to click in a page of ours that is laid under another.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.wrappers import Response

HEADER = "Content-Security-Policy"
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_DOCUMENTATION = "swagger_ui"
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def install(app: Flask, public_url: str) -> None:
    """Put the policy on every answer that has none of its own; the documentation may call the API at `public_url`."""
    public = urlsplit(public_url)

    def protect(response: Response) -> Response:
        is_page = request.blueprint == _DOCUMENTATION and response.mimetype == "text/html"
        policy = _of_page(response, f"{public.scheme}://{public.netloc}") if is_page else NOTHING
        response.headers.setdefault(HEADER, policy)
        response.headers.setdefault("X-Frame-Options", "DENY")
        return response

    app.after_request(protect)


def _of_page(response: Response, origin: str) -> str:
    """Allow the page its own files and just the script that is written in it; its styles are in its elements."""
    text = "" if response.direct_passthrough else response.get_data(as_text=True)
    scripts = "".join(f" 'sha256-{_digest(each)}'" for each in _INLINE.findall(text))
    return (
        f"{NOTHING}; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"connect-src 'self' {origin}"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
