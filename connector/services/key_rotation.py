"""The connector's keys: the one for fingerprints, and the rotation of those for encryption.

To rotate: append the new key to `encryption_keys` and restart every process, so that all can read it; put it first
and restart again, so that new writes use it; run `connector rotate-keys`; remove the old key. Nothing has to stop.
"""

from __future__ import annotations

import os

from sqlalchemy import select

from connector.store.dialect import insert
from connector.store.engine import Database
from connector.store.models import secrets
from connector.store.sealed import own_secret, sealed_columns
from connector.store.vault import KEY_BYTES, Vault

FINGERPRINT_KEY = "fingerprint"

_ADD_SECRET = insert(secrets, lambda statement: statement.on_conflict_do_nothing())


def fingerprint_key(database: Database, vault: Vault) -> bytes:
    """Give the key for fingerprints, made on first use and kept, encrypted, in the database.

    It outlives the rotation of encryption keys: what is verified stays comparable.
    """
    context = own_secret(FINGERPRINT_KEY)
    with database.write() as connection:
        sealed = vault.seal(os.urandom(KEY_BYTES).hex(), context)
        connection.execute(_ADD_SECRET(connection), {"name": FINGERPRINT_KEY, "value": sealed})
        stored = connection.execute(select(secrets.c.value).where(secrets.c.name == FINGERPRINT_KEY)).scalar_one()
    return bytes.fromhex(vault.open(stored, context))


def rotate_keys(database: Database, vault: Vault) -> None:
    """Seal everything with the first key, in short transactions, while the connector runs.

    Raises `ConfigurationError` where something is sealed with a key that is not configured.
    """
    for column in sealed_columns():
        after = None
        while True:
            with database.write() as connection:
                after, busy = column.reseal(connection, vault, after)
            for key, sealed in busy.items():
                with database.write() as connection:
                    column.reseal_one(connection, vault, key, sealed)
            if after is None:
                break
