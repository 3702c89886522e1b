"""How an installation recognizes itself behind its proxy: a challenge and a response that only its processes can sign.

The key is derived from the one for fingerprints, so only processes on the same database have it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re

from connector.domain.messages import message
from connector.errors import Code, RequestError
from connector.store.vault import Fingerprints

PATH = "/idv/onfido/v1/self-check/verify"  # like a webhook's path, so that a proxy treats it alike
SIGNATURE_HEADER = "X-SHA2-Signature"
PROOF_HEADER = "X-Connector-Proof"
_NONCE = re.compile(r"[0-9a-f]{32}")


class SelfCheck:
    """Signs challenges and responses."""

    def __init__(self, fingerprints: Fingerprints) -> None:
        self._key = fingerprints.derive("self-check")

    def sign(self, body: bytes) -> str:
        """Return the signature of a challenge."""
        return self._digest(b"question:" + body)

    def proof(self, nonce: str) -> str:
        """Return the signature of a response."""
        return self._digest(b"answer:" + nonce.encode())

    def answer(self, body: bytes, signature: str) -> str:
        """Return the signature of the response to a challenge; raises `RequestError` for one that is not ours."""
        if not hmac.compare_digest(self.sign(body).encode(), signature.encode()):
            raise RequestError(
                Code.WEBHOOK_SIGNATURE_WRONG, message("The challenge must be signed by a process of this database.")
            )
        return self.proof(_nonce(body))

    def _digest(self, content: bytes) -> str:
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()


def _nonce(body: bytes) -> str:
    try:
        nonce = json.loads(body)["nonce"]
    except (ValueError, KeyError, TypeError):
        nonce = ""
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise RequestError(Code.WEBHOOK_UNREADABLE, message("nonce: must be 32 hexadecimal digits."))
    return nonce
