"""A directory's failures, as the errors of the contract.

    no answer, 408, 425, 429, 5xx ──► OIDV-10051, 503 with Retry-After     retryable, except 501 and 505
    3xx, other 4xx, an unreadable answer ──► OIDV-10052, 502                an administrator has to act

No error repeats the directory's messages, which may contain values.
"""

from __future__ import annotations

from connector.domain.numbers import is_digits
from connector.errors import NO_ANSWER, Code, DirectoryError
from connector.http.client import Answer

RETRY_AFTER = 5  # seconds, if the directory sends none
LONGEST_RETRY_AFTER = 300
MAX_DIGITS = 9  # digits of such a number, because Python limits them
_THROTTLED = 429
_TRANSIENT = frozenset({*NO_ANSWER, _THROTTLED, *range(500, 600)} - {501, 505})
# Permanent refusals. Others, especially of credentials, may be corrected elsewhere.
_PERMANENT = frozenset({400, 404, 405, 409, 413, 415, 422, 501, 505})
_MISDIRECTED = {401: "correct its credentials", 403: "give the client the permission", 404: "correct its URL"}


def unreachable(host: str, reason: str, *, status: int | None = None, retry_after: int = RETRY_AFTER) -> DirectoryError:
    """Create the error for a directory that did not answer, or cannot answer now."""
    text = f"The user directory at {host} gave no answer: {reason}. Nothing was changed here: try again later."
    return DirectoryError(Code.DIRECTORY_UNREACHABLE, text, status=status, retry_after=retry_after)


def refused(host: str, status: int, advice: str = "", to: str = "") -> DirectoryError:
    """Create the error for a refusal, with the required action of an administrator; `to` names the refused request."""
    advice = advice or _MISDIRECTED.get(status, "see its log for the reason")
    text = f"The user directory at {host} answered HTTP {status}{to and f' {to}'}: {advice}."
    return DirectoryError(Code.DIRECTORY_REFUSED, text, status=status, is_permanent=status in _PERMANENT)


def misunderstood(host: str, why: str, *, is_permanent: bool = False) -> DirectoryError:
    """Create the error for an answer that cannot be used."""
    text = f"The answer of the user directory at {host} cannot be used: {why}. An administrator must correct it."
    return DirectoryError(Code.DIRECTORY_REFUSED, text, is_permanent=is_permanent)


def unusable_status(host: str, answer: Answer, purpose: str = "") -> DirectoryError | None:
    """Return the error for an answer that is not about the request itself: a redirect, a throttle or an outage.

    A server may permanently answer 500 to a change of unknown attributes; `purpose` names them.
    """
    status = answer.status
    if 300 <= status < 400:  # noqa: PLR2004  HTTP's redirects
        return refused(host, status, "redirects are not followed; name the URL that it leads to")
    if status in _TRANSIENT:
        said = f"HTTP {status}"
        if purpose:
            said += f" to {purpose}; if this stays, declare these attributes at the server, or correct the dialect"
        return unreachable(host, said, status=status, retry_after=_retry_after(answer))
    return None


def _retry_after(answer: Answer) -> int:
    text = answer.header("Retry-After").strip()
    if not is_digits(text):
        return RETRY_AFTER
    return min(max(1, int(text[:MAX_DIGITS])), LONGEST_RETRY_AFTER)
