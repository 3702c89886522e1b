"""The credentials of an Onfido account: cleaning, masking, and the meaning of an API token's prefix.

An API token begins with `api_sandbox` or `api_live`, and may then name its region: `api_live_us.…`.
"""

from __future__ import annotations

import re
from dataclasses import field
from urllib.parse import urlsplit

from connector.domain.frozen import frozen
from connector.domain.messages import message

MASK = "********"  # shown instead of a secret in every answer; sent back, it keeps the stored one

_PREFIX = re.compile(r"api_(sandbox|live)(?:_([a-z]+)\.)?")
_HOST = re.compile(r"api\.([a-z]+)\.onfido\.com")
# Text that is often copied along with a token from a header, a document or a shell.
_NAME = r"(?:export\s+)?(?:\w*token|authorization)[\"']?\s*[:=]"
_HEADER = re.compile(rf"(?:{_NAME}|-H(?=\W)|--header(?=\W)|token\s|bearer\s)\s*", re.IGNORECASE)
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_AROUND = " \t\r\n\xa0\xad\u200b\u200e\u200f\u202a\u202c\u202d\u2060\u2066\u2068\u2069\u3000\ufeff,;" + _QUOTES


@frozen
class ClientCredentials:
    """OAuth 2 client credentials, used instead of an API token."""

    client_id: str
    client_secret: str = field(repr=False)


Credentials = str | ClientCredentials  # an API token or client credentials


def tidy_token(text: str) -> str:
    """Return a pasted API token without text that was copied along: names, quotes, invisible characters."""
    text = text.strip(_AROUND)
    while header := _HEADER.match(text):
        text = text[header.end() :].strip(_AROUND)
    return text


def environment_of(token: str) -> str | None:
    """Return the environment that an API token's prefix names."""
    prefix = _PREFIX.match(token)
    return prefix[1] if prefix else None


def region_objection(token: str, base_url: str) -> str | None:
    """Return why a token does not fit a base URL: its prefix names another of Onfido's regions. None if it fits."""
    prefix, host = _PREFIX.match(token), _HOST.fullmatch(urlsplit(base_url).hostname or "")
    if prefix is None or prefix[2] is None or host is None or prefix[2] == host[1]:
        return None
    return message(
        "must be for the region of base_url, %(host)s, but its prefix names %(prefix)s: change base_url, or create "
        "a token in that region's dashboard",
        host=host[1],
        prefix=prefix[2],
    )
