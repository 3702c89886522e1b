"""The address to which a user is sent back: the client's exact redirect URI, with the answer's parameters."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit


def with_same_query(redirect_uri: str, location: str) -> str:
    """Return a location whose query begins with that of the redirect URI as it is; Authlib encodes it again."""
    query = urlsplit(redirect_uri).query
    if not query:
        return location
    added = parse_qsl(urlsplit(location).query)
    for pair in parse_qsl(query):
        if pair in added:
            added.remove(pair)
    return f"{redirect_uri}&{urlencode(added)}"
