"""The request that an OAuth 2 client posts to an authorization server, with its authentication."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode


def client_form(
    form: Mapping[str, str], client_id: str, secret: str, *, is_secret_in_body: bool
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request; the secret is in a header unless `is_secret_in_body`.

    These are `client_secret_basic` and `client_secret_post` of RFC 6749, 2.3.1.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if is_secret_in_body:
        return headers, urlencode({**form, "client_id": client_id, "client_secret": secret}).encode()
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers, urlencode(form).encode()
