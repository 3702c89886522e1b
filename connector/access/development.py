"""The connector's own issuer for the demo and for development; trusted with `--dev` only.

    data_dir/development-issuer.jwk ──► mint_token ──► Authorization: Bearer …
                                    └──► development_issuer ──► Access (no discovery)

That file allows calls as any user: it must not exist where real people are verified.
"""

from __future__ import annotations

import json
import math
import threading
import time
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from connector.access.issuer import TrustedIssuer
from connector.access.signed import SigningIssuer
from connector.access.tokens import TrustedIssuers, trust
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.tenancy import DEFAULT_TENANT
from connector.errors import ConfigurationError
from connector.private_file import check_private, create_private_file
from connector.settings import Issuer
from connector.settings.checks import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from connector.settings import Settings

IDENTIFIER = "urn:onfido-idvp-connector:development"
AUDIENCE = "connector"
CLIENT_ID = "development"
KEY_FILE = "development-issuer.jwk"
ALGORITHM = "ES256"
TENANT_CLAIM = "tenant"


def mint_token(
    data_dir: Path,
    subject: str,
    scopes: Iterable[str],
    tenant: str = DEFAULT_TENANT,
    lifetime: int = 3600,
) -> str:
    """Create an access token of the development issuer, valid for `lifetime` seconds."""
    now = int(time.time())
    claims = {
        "iss": IDENTIFIER,
        "aud": AUDIENCE,
        "sub": subject,
        "client_id": CLIENT_ID,
        "jti": new_id(),
        "iat": now,
        "exp": now + lifetime,
        "scope": " ".join(scopes),
        TENANT_CLAIM: tenant,
    }
    return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt"}, claims, _read_key(data_dir), algorithms=[ALGORITHM])


@frozen
class _Development(Issuer):
    """The settings of the development issuer, whose identifier is not a URL."""

    issuer: str


class _OwnKeys:
    """The development issuer's key, which needs no fetch."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def find(self, kid: str | None, at_most: float = math.inf) -> KeySet:
        """Return the key, for any kid."""
        return self._keys

    def find_newer(self, tried: KeySet, at_most: float = math.inf) -> None:
        """Return None: there is only one key."""

    def prepare(self) -> None:
        """Return None: nothing has to be fetched."""


def development_issuer(data_dir: Path) -> TrustedIssuer:
    """Return the development issuer, which trusts the tokens of `mint_token`; its key is created on first use."""
    settings = _Development(
        IDENTIFIER, AUDIENCE, algorithms=(ALGORITHM,), token_types=("at+jwt",), tenant_claim=TENANT_CLAIM
    )
    return SigningIssuer(settings, _OwnKeys(KeySet([_read_key(data_dir)])))


def trusted_issuers(settings: Settings) -> TrustedIssuers:
    """Return the trusted issuers; only this function decides whether the development issuer is trusted.

    Raise `ConfigurationError` if there is none.
    """
    check_access_configured(settings)
    development = [development_issuer(settings.data_dir)] if settings.dev else []
    few, half = (
        max(1, settings.threads // part) for part in (4, 2)
    )  # threads that may wait for callers whose token is not cached yet
    waiting, turns = threading.BoundedSemaphore(few), threading.BoundedSemaphore(half)
    trusted = [
        trust(each, proxy=settings.outgoing_proxy, waiting=waiting, turns=turns, own_turns=few)
        for each in settings.all_issuers
    ]
    return TrustedIssuers([*trusted, *development])


def check_development(settings: Settings) -> None:
    """Raise `ConfigurationError` if the development issuer would be trusted in production."""
    reasons = []
    if not is_loopback(settings.host):
        reasons.append(f"`host` is {settings.host}, which other machines can reach")
    if settings.all_issuers:
        reasons.append("`issuers` are configured, and its tokens could name their users")
    if reasons:
        raise ConfigurationError(
            f"--dev is refused: {' and '.join(reasons)}. Start without --dev, or use --force-dev if this machine "
            "and its network are yours alone."
        )


def check_access_configured(settings: Settings) -> None:
    """Raise `ConfigurationError` if no issuer is trusted, because every call would be refused."""
    if not settings.dev and not settings.all_issuers:
        raise ConfigurationError(
            "No issuer of access tokens is configured. Set `issuers`: an [[issuers]] table with `issuer` and "
            '`audience` in the settings file, or CONNECTOR_ISSUERS=\'[{"issuer": "https://…", "audience": "…"}]\'. '
            "For development, use --dev instead: it trusts the connector's own development issuer."
        )


def _read_key(data_dir: Path) -> ECKey:
    path = data_dir / KEY_FILE
    if not path.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_private_file(path, json.dumps(ECKey.generate_key("P-256").as_dict(private=True)).encode())
    check_private(path)
    try:
        return ECKey.import_key(json.loads(path.read_bytes()))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{path} is not the development issuer's key: remove it, and a new one is created."
        ) from error
