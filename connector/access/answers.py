"""What an issuer answers about an opaque token (RFC 7662), and for how long that is good."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector.access.refusals import is_time

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP = 60.0  # seconds that an answer is kept, at the most
ROOM = 4000  # answers that are kept of each kind
AWAY = (429, 502, 503, 504)  # statuses that say to come back later
NOT_ACTIVE = ("invalid_token", "unsupported_token_type")  # errors by which some servers say so

Claims = dict[str, Any]


class AnswerError(Exception):
    """An answer that cannot be used; `is_away` where the issuer has to be left alone for a while."""

    def __init__(self, reason: str, *, is_away: bool = False) -> None:
        super().__init__(reason)
        self.is_away = is_away


@dataclass(frozen=True)
class Answer:
    """What the issuer said of a token: its claims, or None if it is not active; good until `until`."""

    claims: Claims | None
    until: float


class Answers:
    """The answers that are kept; where there is no room, the oldest goes."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: dict[bool, OrderedDict[bytes, Answer]] = {True: OrderedDict(), False: OrderedDict()}

    def get(self, digest: bytes, now: float) -> Answer | None:
        """Return the answer that is still good."""
        for kept in self._kept.values():
            if (answer := kept.get(digest)) and now < answer.until:
                return answer
        return None

    def put(self, digest: bytes, answer: Answer) -> None:
        """Keep an answer; those about forged tokens take no room from the others."""
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
        raise AnswerError(_reason(status), is_away=status in AWAY)
    if not isinstance(document.get("active"), bool):
        raise AnswerError("the answer is no JSON object that says whether the token is active")
    return {name: value for name, value in document.items() if value is not None} if document["active"] else None


def lifetime(claims: Mapping[str, Any]) -> float:
    """Return for how many seconds an answer about an active token is good."""
    expiry = claims.get("exp")
    if not is_time(expiry) or expiry >= time.time() + KEEP:
        return KEEP
    return expiry - time.time()


def _reason(status: int) -> str:
    hint = "; are client_id, client_secret and client_auth right?" if status in (401, 403) else ""
    return f"the introspection endpoint answers with status {status}{hint}"
