"""Encryption at rest, and fingerprints of values that are not stored.

Encrypted text is `v1.<key id>.<base64 of nonce and ciphertext>`: AES-256-GCM, bound to its `context` (such as
`providers/<id>/api_token`), so that a value copied into another row cannot be decrypted there. The first key
encrypts, every key decrypts: a rotation puts the new key first and keeps the old one for as long as needed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from connector.domain.text import normal
from connector.errors import ConfigurationError
from connector.private_file import check_private, create_private_file

KEY_BYTES = 32
NONCE_BYTES = 12
_SEALED = re.compile(r"v1\.([0-9a-f]{8})\.([A-Za-z0-9_=-]+)")
KEY_FILE = "encryption.key"


class Vault:
    """Encrypts and decrypts text with the connector's encryption keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._sealing_id = _key_id(keys[0])

    def seal(self, plain: str, context: str) -> str:
        """Encrypt `plain` for a context."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._sealing_id].encrypt(nonce, plain.encode(), context.encode())
        return f"{self.prefix}{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    @property
    def prefix(self) -> str:
        """The prefix of all text that is encrypted with the first key."""
        return f"v1.{self._sealing_id}."

    def open(self, sealed: str, context: str) -> str:
        """Decrypt text that `seal` returned for the same `context`.

        Raises `ConfigurationError` if the key is not among the configured ones or the text was tampered with.
        """
        if not (parts := _SEALED.fullmatch(sealed)):
            raise _damaged(context)
        key_id, encoded = parts.groups()
        if (cipher := self._ciphers.get(key_id)) is None:
            raise ConfigurationError(
                f"The database holds data under the encryption key {key_id}, which is not configured: "
                "add that key to `encryption_keys`."
            )
        try:
            raw = base64.urlsafe_b64decode(encoded)
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError) as error:  # ValueError: not base64, or too short to hold a nonce
            raise _damaged(context) from error


class Fingerprints:
    """Keyed digests of attribute values: equal for equal values of one user's claim, meaningless elsewhere."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, tenant: str, user_id: str, uri: str, value: str) -> str:
        """Return the fingerprint (64 hex digits) of a user's value for a claim, the same for all its normal forms."""
        parts = "".join(f"{len(part)}:{part}" for part in (tenant, user_id, uri, normal(value)))
        return hmac.new(self._key, parts.encode(), hashlib.sha256).hexdigest()

    def derive(self, purpose: str) -> bytes:
        """Derive a key for another purpose, from which this one cannot be computed."""
        return hmac.new(self._key, f"key for {purpose}".encode(), hashlib.sha512).digest()


class OpaqueTexts:
    """Text that callers keep and return unchanged, equal for equal contents: they can neither read nor change it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(hmac.new(key, b"opaque texts", hashlib.sha512).digest())

    def seal(self, plain: str, context: str) -> str:
        """Encrypt `plain` for the use named by `context`."""
        return _unpadded(self._cipher.encrypt(plain.encode(), [context.encode()]))

    def open(self, sealed: str, context: str) -> str:
        """Decrypt text that `seal` returned for the same `context`; raise `ValueError` for any other."""
        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            plain = self._cipher.decrypt(raw, [context.encode()]).decode()
        except InvalidTag as error:
            raise ValueError("not sealed for this context") from error
        if _unpadded(raw) != sealed:
            raise ValueError("other text for the same bytes")
        return plain


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_keys(configured: Sequence[str], data_dir: Path, needed: str | None = None) -> list[bytes]:
    """Return the encryption keys from the settings, or the data directory's own, created on first use (mode 0600).

    None is created if the database already needs a key, given by its id, because another one could decrypt nothing.
    """
    if configured:
        return [_decode(text, f"`encryption_keys`, entry {at}") for at, text in enumerate(configured, start=1)]
    path = data_dir / KEY_FILE
    if needed and not path.exists():
        raise ConfigurationError(
            f"The database is encrypted with the key {needed}, which is not here: put the key file back as {path}, or "
            "set `encryption_keys`."
        )
    create_private_file(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    check_private(path)
    return [_decode(path.read_bytes().strip(), str(path))]


def key_sources(configured: Sequence[str], data_dir: Path) -> dict[str, str]:
    """Return the locations of the encryption keys, by their ids; none is created."""
    path = data_dir / KEY_FILE
    if not configured and not path.exists():
        return {}
    keys = read_keys(configured, data_dir)
    places = [f"`encryption_keys`, entry {at}" for at in range(1, len(keys) + 1)] if configured else [str(path)]
    return dict(zip(map(_key_id, keys), places, strict=True))


def _decode(text: str | bytes, source: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{source} must hold an encryption key: {KEY_BYTES} random bytes in base64.")
    return key


def key_id_of(sealed: str) -> str:
    """Return the id of the key with which a text is encrypted."""
    return sealed.split(".")[1]


def _damaged(context: str) -> ConfigurationError:
    return ConfigurationError(
        f"The encrypted data of {context} was damaged or moved: store it again, or restore a backup."
    )


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"connector key id\0" + key).hexdigest()[:8]
