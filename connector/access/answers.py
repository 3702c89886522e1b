"""Introspection answers of issuers about opaque tokens (RFC 7662), and their lifetime in the cache."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from connector.access.refusals import is_time
from connector.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP = 60.0  # maximum seconds that an answer is cached
ROOM = 4000  # cached answers of each kind
UNAVAILABLE = (429, 502, 503, 504)  # statuses after which the issuer is left alone for a while
NOT_ACTIVE = ("invalid_token", "unsupported_token_type")  # errors with which some servers report an inactive token

Claims = dict[str, Any]


class AnswerError(Exception):
    """An answer that cannot be used; `is_unavailable` if the issuer should not be called for a while."""

    def __init__(self, reason: str, *, is_unavailable: bool = False) -> None:
        super().__init__(reason)
        self.is_unavailable = is_unavailable


@frozen
class Answer:
    """The issuer's answer about a token: its claims, or None if it is not active; valid until `until`."""

    claims: Claims | None
    until: float


class Answers:
    """The cached answers; if the cache is full, the oldest is removed."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: dict[bool, OrderedDict[bytes, Answer]] = {True: OrderedDict(), False: OrderedDict()}

    def get(self, digest: bytes, now: float) -> Answer | None:
        """Return the cached answer if it is still valid."""
        for kept in self._kept.values():
            if (answer := kept.get(digest)) and now < answer.until:
                return answer
        return None

    def put(self, digest: bytes, answer: Answer) -> None:
        """Cache an answer; answers about forged tokens have a separate limit."""
        kept = self._kept[answer.claims is not None]
        kept.pop(digest, None)
        kept[digest] = answer
        if len(kept) > self._room:
            kept.popitem(last=False)


def read_answer(status: int, content: bytes) -> Claims | None:
    """Return the claims of an active token, None for one that is not active; raises `AnswerError`."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        document = {}
    if status == 400 and document.get("error") in NOT_ACTIVE:  # noqa: PLR2004
        return None
    if status != 200:  # noqa: PLR2004
        raise AnswerError(_reason(status), is_unavailable=status in UNAVAILABLE)
    if not isinstance(document.get("active"), bool):
        raise AnswerError("the answer must be a JSON object with the member active")
    return {name: value for name, value in document.items() if value is not None} if document["active"] else None


def lifetime(claims: Mapping[str, Any]) -> float:
    """Return for how many seconds an answer about an active token is valid."""
    expiry = claims.get("exp")
    if not is_time(expiry) or expiry >= time.time() + KEEP:
        return KEEP
    return expiry - time.time()


def _reason(status: int) -> str:
    hint = "; are client_id, client_secret and client_auth right?" if status in (401, 403) else ""
    return f"the introspection endpoint answers with status {status}{hint}"
