"""How an installation recognises itself behind its proxy: a question and an answer that only its processes can sign.

The key is derived from the one for fingerprints, so all processes on one database have it, and no others do.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re

from connector.errors import Code, RequestError
from connector.store.vault import Fingerprints

PATH = "/idv/onfido/v1/self-check/verify"  # like a webhook's, so that it takes the same way through a proxy
SIGNATURE_HEADER = "X-SHA2-Signature"
PROOF_HEADER = "X-Connector-Proof"
_NONCE = re.compile(r"[0-9a-f]{32}")


class SelfCheck:
    """Signs questions and answers."""

    def __init__(self, fingerprints: Fingerprints) -> None:
        self._key = fingerprints.derive("self-check")

    def sign(self, body: bytes) -> str:
        """Return the signature of a question."""
        return self._digest(b"question:" + body)

    def proof(self, nonce: str) -> str:
        """Return the signature of an answer."""
        return self._digest(b"answer:" + nonce.encode())

    def answer(self, body: bytes, signature: str) -> str:
        """Return the signature of the answer to a question; raises `RequestError` for one that is not ours."""
        if not hmac.compare_digest(self.sign(body).encode(), signature.encode()):
            raise RequestError(
                Code.WEBHOOK_SIGNATURE_WRONG, "The question must be signed by a process of this database."
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
        raise RequestError(Code.WEBHOOK_UNREADABLE, "nonce: must be 32 hexadecimal digits.")
    return nonce
