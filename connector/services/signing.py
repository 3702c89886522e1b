"""The keys that sign the connector's assertions, and their rotation.

    connector keys rotate:   next ──► current (signs) ──► previous (published until it expires)

The next key is published before it signs, so that verifiers that cache the published keys already know it. A former key
stays published for `signing_key_overlap`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.domain.audit.history import ADDED, KEY, REMOVED, by_administrator
from connector.domain.signing import CURRENT, NEXT, PREVIOUS, SigningKey
from connector.domain.tenancy import DEFAULT_TENANT
from connector.domain.utc import timestamp
from connector.errors import ConnectorError
from connector.services.journal import Journal
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.openid import signing_keys
from connector.store.sealed import signing_key
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

ALGORITHM, KEY_BITS = "RS256", 2048  # supported by every verifier (OpenID Connect Core, 15.1; CAEP interoperability)
PUBLISHED_BEFORE = timedelta(hours=1)  # how long the next key has to be published before it signs
PUBLIC_FOR = 300  # seconds for which the published keys may be cached


@use_case
class SigningKeys:
    """Signs with the current key, publishes the public keys, and rotates them; keys are created on first use."""

    _database: Database
    _vault: Vault
    _journal: Journal
    _overlap: timedelta
    _clock: Callable[[], datetime]

    def published(self) -> Sequence[SigningKey]:
        """Return the keys that have not expired, the current one first."""
        now = self._clock()
        with self._database.read() as connection:
            keys = signing_keys.find_published(connection, now)
        if {CURRENT, NEXT} <= {key.role for key in keys}:
            return keys
        with self._database.write() as connection:
            self._fill_slots(connection, signing_keys.lock(connection), now)
            return signing_keys.find_published(connection, now)

    def sign(self, claims: Mapping[str, Any], token_type: str) -> str:
        """Sign claims with the current key; the header names the key and the type of token."""
        return self.sign_all([claims], token_type)[0]

    def sign_all(self, all_claims: Sequence[Mapping[str, Any]], token_type: str) -> list[str]:
        """Sign the claims of several tokens."""
        from joserfc import jwt  # noqa: PLC0415  loaded when something is signed

        key = self.published()[0]
        private = _read_private(self._vault.open(key.private_key, signing_key(key.key_id)))
        header = {"alg": ALGORITHM, "typ": token_type, "kid": key.key_id}
        return [jwt.encode(header, dict(each), private, algorithms=[ALGORITHM]) for each in all_claims]

    def rotate(self, actor: str, *, is_forced: bool = False) -> Sequence[SigningKey]:
        """Sign with the next key from now on, and create another; return all published keys.

        The former one stays published until it expires. Raises `ConnectorError` if the next key was published only a
        moment ago, unless `is_forced`.
        """
        self.published()  # creates the first keys
        now = self._clock()
        with self._database.write() as connection:
            current, following = (key for key in signing_keys.lock(connection) if key.role != PREVIOUS)
            if not is_forced and following.created_at + PUBLISHED_BEFORE > now:
                raise _too_soon(following.created_at + PUBLISHED_BEFORE)
            signing_keys.move(connection, current.key_id, None, now + self._overlap)
            signing_keys.move(connection, following.key_id, CURRENT)
            return self._complete(connection, [], actor, now)

    def revoke(self, actor: str) -> Sequence[SigningKey]:
        """Remove all keys at once and create others, because they may have leaked; return these.

        Signatures of the former keys can no longer be verified with the published keys.
        """
        now = self._clock()
        with self._database.write() as connection:
            former = [key.key_id for key in signing_keys.lock(connection)]
            signing_keys.remove(connection, former)
            return self._complete(connection, former, actor, now)

    def _complete(
        self, connection: Connection, revoked: Sequence[str], actor: str, now: datetime
    ) -> Sequence[SigningKey]:
        """Add the missing keys, remove the expired ones, and record the changes."""
        keys = signing_keys.find_all(connection)
        self._fill_slots(connection, keys, now)
        published = signing_keys.find_published(connection, now)
        known = {key.key_id for key in published}
        expired = [key.key_id for key in keys if key.key_id not in known]
        signing_keys.remove(connection, expired)
        changes = [(key_id, REMOVED) for key_id in revoked] + [(published[0].key_id, ADDED)]
        entries = [by_administrator(now, actor, DEFAULT_TENANT, KEY, key_id, done, {}) for key_id, done in changes]
        self._journal.record(connection, entries)
        log.info("signing_key.rotated", key_id=published[0].key_id, revoked=list(revoked))
        return published

    def _fill_slots(self, connection: Connection, keys: Iterable[SigningKey], now: datetime) -> None:
        """Create the keys of empty slots; the others are not generated, which takes a tenth of a second each."""
        empty = {CURRENT, NEXT} - {key.role for key in keys}
        signing_keys.add(connection, [self._new_key(slot, now) for slot in sorted(empty)])

    def _new_key(self, slot: str, now: datetime) -> SigningKey:
        from joserfc.jwk import RSAKey  # noqa: PLC0415

        key = RSAKey.generate_key(KEY_BITS)
        key_id = key.thumbprint()
        public = {**key.as_dict(private=False), "kid": key_id, "use": "sig", "alg": ALGORITHM}
        sealed = self._vault.seal(json.dumps(key.as_dict(private=True)), signing_key(key_id))
        return SigningKey(key_id, public, sealed, now, slot)


@lru_cache(maxsize=2)  # an RSA key is checked when it is read, which takes as long as a hundred signatures
def _read_private(key: str) -> Any:
    from joserfc.jwk import RSAKey  # noqa: PLC0415

    return RSAKey.import_key(json.loads(key))


def _too_soon(at: datetime) -> ConnectorError:
    return ConnectorError(
        "The next key must be published for an hour before it signs, so that verifiers know it: rotate after "
        f"{timestamp(at)}, or use --force.",
    )
