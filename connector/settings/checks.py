"""The checks of settings' values.

Each check returns the value to use, or raises a ValueError that states the requirement and does not repeat the value.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from connector.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY_BYTES = 32
MAX_ISSUER = 512  # characters: the history names it
HIGHEST_PORT = 65535
DATABASE_SCHEMES = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
SERVERS = tuple(scheme for scheme in DATABASE_SCHEMES if scheme.startswith("postgres"))
# SQLAlchemy's syntax. Anything else in the place of host or port could be a part of the password.
_SERVER = re.compile(r"([^:/@?]*(:[^@]*)?@)?(\[[0-9A-Fa-f:.]+\]|[^:/?@\[\]]*)(:[0-9]{1,5})?([/?].*)?", re.DOTALL)
ASYMMETRIC_ALGORITHMS = frozenset(
    {f"{family}{size}" for family in ("RS", "PS", "ES") for size in (256, 384, 512)} | {"EdDSA", "Ed25519"}
)

Number = TypeVar("Number", int, float)


def between(lowest: Number, highest: Number) -> Callable[[Number], Number]:
    """Check for a number from `lowest` to `highest`."""

    def check(value: Number) -> Number:
        if not lowest <= value <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return value

    return check


def lasts(settings: object, name: str, other: str, why: str) -> None:
    """Raise `ConfigurationError` if one time of the settings is shorter than another."""
    if getattr(settings, name) < getattr(settings, other):
        raise ConfigurationError(f"{name} must be at least {other}: {why}.")


def at_most(highest: float) -> Callable[[float], float]:
    """Check for a number above zero, up to `highest`."""

    def check(value: float) -> float:
        if not 0 < value <= highest:
            raise ValueError(f"must be greater than 0, and at most {highest:g}")
        return value

    return check


def port_number(value: int) -> int:
    """Check for a TCP port."""
    if not 1 <= value <= HIGHEST_PORT:
        raise ValueError(f"must be between 1 and {HIGHEST_PORT}")
    return value


def port_number_or_none(value: int) -> int:
    """Check for a TCP port, or 0."""
    return port_number(value) if value else value


def one_of(*choices: str) -> Callable[[str], str]:
    """Check for one of a few words, without regard to case."""

    def check(value: str) -> str:
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise ValueError(f"must be one of {', '.join(choices)}")

    return check


def one_of_or_empty(*choices: str) -> Callable[[str], str]:
    """Check for one of a few words, or an empty text."""
    check = one_of(*choices)
    return lambda value: check(value) if value else value


def not_empty(value: str) -> str:
    """Check for a text that is not blank."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def some_texts(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Check for a text that is not blank, or a list of such."""
    if not value or not all(each.strip() for each in ([value] if isinstance(value, str) else value)):
        raise ValueError("must not be empty")
    return value


def not_blank(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for texts that are not blank."""
    if not all(each.strip() for each in values):
        raise ValueError("must not contain an empty text")
    return values


def directory(value: Path) -> Path:
    """Replace `~` with the home directory, if there is one."""
    try:
        return value.expanduser()
    except RuntimeError:
        return value


def secure_url(value: str) -> str:
    """Check for a plain https URL, or http to this machine; it is not normalized, because tokens repeat it."""
    if not is_secure_url(value) or re.search(r"[\s?#@]", value) or len(value) > MAX_ISSUER:
        raise ValueError("must be an https URL (http only to loopback) without user, query or fragment")
    return value


def https_or_empty(value: str) -> str:
    """Check for an https URL, or http to this machine, or an empty text."""
    if value and not is_secure_url(value):
        raise ValueError("must be an https URL (http only to loopback)")
    return value


def url_or_empty(value: str) -> str:
    """Check for a plain https URL to append paths to, or http to this machine, or an empty text."""
    if value and (not is_secure_url(value) or re.search(r"[\s?#@]", value)):
        raise ValueError("must be an https URL (http only to loopback) without user, query or fragment")
    return value.rstrip("/")


def is_secure_url(url: str) -> bool:
    """Whether TLS, or loopback, ensures that an answer comes from the URL's host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(parts.hostname)) or (
        parts.scheme == "http" and is_loopback(parts.hostname)
    )


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def base_url(value: str) -> str:
    """Check for an http or https URL to which paths can be appended."""
    if not re.fullmatch(r"https?://[^\s?#@/]+(/[^\s?#@]*)?", value):
        raise ValueError("must be an http or https URL without user, query or fragment")
    return value.rstrip("/")


def proxy_url(value: str) -> str:
    """Check for a proxy's URL, with or without credentials, or an empty text."""
    if value and not re.fullmatch(r"http://([^\s?#@/]+@)?[^\s?#@/:]+(:[0-9]{1,5})?/?", value):
        raise ValueError("must be of the form http://host:port, or http://user:password@host:port")
    return value


def metrics_token(value: str) -> str:
    """Check for a token that cannot be guessed and that every HTTP client can send, or an empty text."""
    if value and not re.fullmatch(r"[!-~]{16,256}", value):
        raise ValueError("must have 16 to 256 printable ASCII characters without spaces")
    return value


def database(value: str) -> str:
    """Check for a database with an installed driver."""
    scheme, separator, rest = value.partition("://")
    if value and (not separator or scheme not in DATABASE_SCHEMES):
        raise ValueError("must be a postgresql:// or sqlite:/// URL")
    if scheme == "sqlite" and rest.removeprefix("/") in ("", ":memory:"):
        raise ValueError("must name a file: an SQLite database in memory is not shared between connections")
    if scheme in SERVERS and not _SERVER.fullmatch(rest):
        raise ValueError(
            "must be of the form postgresql://user:password@host:port/database, with a number as its port; write an @ "
            "of the password as %40, a : as %3A, a / as %2F and a ? as %3F"
        )
    return DATABASE_SCHEMES[scheme] + separator + rest if value else ""


def key_material(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for base64 of 32 bytes each."""
    for at, value in enumerate(values, start=1):
        if not _is_key(value):
            raise ValueError(f"entry {at} must be base64 of {KEY_BYTES} bytes (`openssl rand -base64 32`)")
    return values


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def host_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for bare host names."""
    hosts = tuple(value.lower() for value in values)
    if not all(re.fullmatch(r"[a-z0-9.-]+", host) for host in hosts):
        raise ValueError("must be host names, without scheme, port or path")
    return hosts


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for networks in CIDR notation."""
    try:
        return tuple(str(ipaddress.ip_network(value)) for value in values)
    except ValueError:
        raise ValueError("must be networks such as 10.1.0.0/16") from None


def origins(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for origins of secure contexts, in the form that browsers send."""
    for value in values:
        if (
            not is_secure_url(value)
            or not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", value)
            or _has_default_port(value)
        ):
            raise ValueError(
                "must be origins in lower case, https (http only to loopback), without path, user or default port"
            )
    return values


def _has_default_port(url: str) -> bool:
    return bool(re.fullmatch(r"https://.*:443|http://.*:80", url))


def asymmetric(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for asymmetric algorithms; an empty list would make joserfc use its own defaults."""
    if not values or not ASYMMETRIC_ALGORITHMS.issuperset(values):
        choice = ", ".join(sorted(ASYMMETRIC_ALGORITHMS))
        raise ValueError(f"must be some of {choice}; not none, and no symmetric algorithm")
    return values


def media_types(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for at least one media type, without regard to case."""
    if not values or not all(values):
        raise ValueError("must name at least one type")
    return tuple(value.lower() for value in values)


def scope_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check for names of scopes (RFC 6749, 3.3) that include `openid`, which requests an ID token."""
    if "openid" not in values or not all(re.fullmatch(r"[!#-\[\]-~]+", value) for value in values):
        raise ValueError("must be names of scopes, including openid")
    return values
