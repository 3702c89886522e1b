"""The connector's keys: the one for fingerprints, and the rotation of those for encryption.

To rotate: append the new key to `encryption_keys` and restart every process, so that all can read it; put it first
and restart again, so that new writes use it; run `connector rotate-keys`; remove the old key. Nothing has to stop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from sqlalchemy import select

from connector.services.use_case import use_case
from connector.store.dialect import insert
from connector.store.engine import Database
from connector.store.models import secrets
from connector.store.sealed import SealedColumn, own_secret, sealed_columns
from connector.store.vault import KEY_BYTES, Vault, key_id_of

FINGERPRINT_KEY = "fingerprint"

_FINGERPRINT_KEY = select(secrets.c.value).where(secrets.c.name == FINGERPRINT_KEY)
_ADD_SECRET = insert(secrets, lambda statement: statement.on_conflict_do_nothing())


def fingerprint_key(database: Database, vault: Vault) -> bytes:
    """Return the key for fingerprints, created on first use and stored, encrypted, in the database.

    It does not change when encryption keys are rotated, so that fingerprints stay comparable.
    """
    context = own_secret(FINGERPRINT_KEY)
    with database.write() as connection:
        sealed = vault.seal(os.urandom(KEY_BYTES).hex(), context)
        connection.execute(_ADD_SECRET(connection), {"name": FINGERPRINT_KEY, "value": sealed})
        stored = connection.execute(_FINGERPRINT_KEY).scalar_one()
    return bytes.fromhex(vault.open(stored, context))


def sealing_key(database: Database) -> str | None:
    """Return the id of the key with which the database is encrypted; None for a new one."""
    with database.read() as connection:
        sealed = connection.execute(_FINGERPRINT_KEY).scalar_one_or_none()
    return None if sealed is None else key_id_of(sealed)


@use_case
class KeyRotation:
    """Encrypts everything with the first key, in short transactions, while the connector runs.

    An interrupted rotation continues: values that are already encrypted with the first key are not changed.
    """

    _database: Database
    _vault: Vault

    def count_outdated(self) -> int:
        """Return the number of values that are not encrypted with the first key yet."""
        with self._database.read() as connection:
            return sum(column.count_outdated(connection, self._vault) for column in sealed_columns())

    def is_pending(self) -> bool:
        """Whether values are encrypted with another key than the first, by one row: the last that `run` encrypts."""
        with self._database.read() as connection:
            sealed = connection.execute(_FINGERPRINT_KEY).scalar_one_or_none()
        return sealed is not None and not sealed.startswith(self._vault.prefix)

    def run(self) -> Iterator[int]:
        """Encrypt batch by batch, and yield the size of each once it is committed.

        Raises `ConfigurationError` if something is encrypted with a key that is not configured.
        """
        for column in sealed_columns():
            yield from self._in_batches(column)
            yield from self._one_by_one(column)

    def _in_batches(self, column: SealedColumn) -> Iterator[int]:
        after = None
        while True:
            with self._database.write() as connection:
                done = column.reseal_batch(connection, self._vault, after)
            if not done:
                return
            yield len(done)
            after = done[-1]

    def _one_by_one(self, column: SealedColumn) -> Iterator[int]:
        """Encrypt the values whose rows were locked before."""
        with self._database.read() as connection:
            outdated = column.outdated(connection, self._vault)
        for key in outdated:
            with self._database.write() as connection:
                done = column.reseal_one(connection, self._vault, key)
            yield len(done)
