"""Onfido's error answers, as `ProviderError`s.

    {"error": {"type", "message", "fields": {name: [reasons]}}}
        ├─► code: by the type, else by the status, else by what the call was about
        └─► description: Onfido's own words, made safe

Onfido may quote in its words what it was sent. So every submitted value is replaced by `…` in them, as is the token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

from connector.errors import Code, ProviderError
from connector.onfido.pacing import LONGEST_RETRY_AFTER
from connector.onfido.payloads import read_json
from connector.onfido.transport import UNREACHABLE_RETRY_AFTER, Answer, Call

THROTTLED_RETRY_AFTER = 60  # seconds, where Onfido names none: its limit counts requests per minute
MAX_TEXT_LENGTH = 300
MAX_FIELDS = 20
MAX_NAME_LENGTH = 100
SHORT_VALUE_LENGTH = 2  # up to which a value counts as quoted only where it stands alone

_BY_TYPE = {
    "authorization_error": Code.TOKEN_REFUSED,
    "user_authorization_error": Code.TOKEN_REFUSED,
    "expired_token": Code.TOKEN_REFUSED,
    "account_disabled": Code.TOKEN_REFUSED,
    "incorrect_base_url": Code.BASE_URL_WRONG,
    "rate_limit": Code.ONFIDO_THROTTLES,
    # The account's own troubles: neither the applicant nor the workflow is at fault.
    "trial_limits_reached": Code.INITIATION_FAILED,
    "missing_billing_info": Code.INITIATION_FAILED,
}
_BY_STATUS = {401: Code.TOKEN_REFUSED, 429: Code.ONFIDO_THROTTLES}
_REFUSALS = {
    Code.APPLICANT_REFUSED: frozenset({400, 422}),
    Code.WORKFLOW_REFUSED: frozenset({400, 403, 404, 410, 422}),
}
_RETRY_AFTER = {Code.ONFIDO_THROTTLES: THROTTLED_RETRY_AFTER, Code.ONFIDO_UNREACHABLE: UNREACHABLE_RETRY_AFTER}
_PLAIN = re.compile(r"[\w.:-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class _Complaint:
    type: str | None
    message: str
    reasons: Mapping[str, list[str]]
    request_id: str | None


def refusal(answer: Answer, call: Call, refused_as: Code | None) -> ProviderError:
    """Make the error for an answer that is no success; `refused_as` says what the call's data is to Onfido.

    Where Onfido refuses a run because of its applicant, the code says so.
    """
    complaint = _read(answer)
    code = _code(answer.status, complaint, refused_as)
    return ProviderError(
        code,
        _describe(answer.status, complaint, _mask(_submitted(call))),
        status=answer.status,
        type=complaint.type,
        request_id=complaint.request_id,
        retry_after=_retry_after(code, answer.retry_after),
    )


def misunderstanding(answer: Answer, why: str) -> ProviderError:
    """Make the error for a success whose body cannot be used."""
    description = f"Onfido's answer (HTTP {answer.status}) cannot be understood: {why}."
    request_id = _plain(answer.request_id)
    return ProviderError(Code.INITIATION_FAILED, description, status=answer.status, request_id=request_id)


def _code(status: int, complaint: _Complaint, refused_as: Code | None) -> Code:
    known = _BY_TYPE.get(complaint.type or "") or _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Code.ONFIDO_UNREACHABLE
    if refused_as is None or status not in _REFUSALS[refused_as]:
        return Code.INITIATION_FAILED
    return Code.APPLICANT_REFUSED if _is_about_applicant(status, complaint) else refused_as


def _retry_after(code: Code, asked: int | None) -> int | None:
    usual = _RETRY_AFTER.get(code)
    if usual is None:
        return None
    return min(max(1, usual if asked is None else asked), LONGEST_RETRY_AFTER)


def _is_about_applicant(status: int, complaint: _Complaint) -> bool:
    if status == HTTPStatus.NOT_FOUND:
        return "applicant" in complaint.message.lower()
    return status == HTTPStatus.GONE or "applicant_id" in complaint.reasons


def _describe(status: int, complaint: _Complaint, mask: Callable[[str], str]) -> str:
    said = ": ".join(mask(words) for words in (complaint.type or "", complaint.message) if words)
    request_id = f"request id {mask(complaint.request_id)}" if complaint.request_id else ""
    source = ", ".join(filter(None, (f"HTTP {status}", said, request_id)))
    return f"{_summary(status, complaint, mask)} ({source})."


def _summary(status: int, complaint: _Complaint, mask: Callable[[str], str]) -> str:
    if complaint.reasons:
        fields = (f"{mask(name)}: {mask(', '.join(reasons))}" for name, reasons in complaint.reasons.items())
        return f"Onfido refused {'; '.join(fields)}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Onfido failed"
    if status < HTTPStatus.BAD_REQUEST:
        return "The base URL leads elsewhere, and redirects are not followed"
    return "Onfido refused the request"


def _read(answer: Answer) -> _Complaint:
    try:
        body = _mapping(read_json(answer.body))
    except ValueError:
        body = {}
    error = _mapping(body.get("error"))
    message = error.get("message")
    return _Complaint(
        type=_plain(error.get("type")),
        message=message if isinstance(message, str) else "",
        reasons=_reasons(_mapping(error.get("fields"))),
        request_id=_plain(answer.request_id) or _plain(body.get("x-request-id")),
    )


def _reasons(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Flatten what Onfido says of each field: nested objects become dotted names."""
    reasons: dict[str, list[str]] = {}
    rest: list[tuple[str, Any]] = [("", fields)]
    while rest and len(reasons) < MAX_FIELDS:
        name, node = rest.pop()
        if isinstance(node, str):
            reasons.setdefault(name, []).append(node)
        rest += reversed([(child_name[:MAX_NAME_LENGTH], child) for child_name, child in _children(name, node)])
    return reasons


def _children(name: str, node: object) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, child in islice(node.items(), MAX_FIELDS):
            yield f"{name}.{key}" if name else key, child
    elif isinstance(node, list):
        yield from ((name, child) for child in node[:MAX_FIELDS])


def _mask(values: Iterable[str]) -> Callable[[str], str]:
    """Make what readies a text for a description: no submitted value, no control character, not long."""
    known = sorted({_tidy(value) for value in values} - {""}, key=len, reverse=True)
    pattern = re.compile("|".join(map(_pattern, known)) or r"(?!)", re.IGNORECASE)
    return lambda text: pattern.sub("…", _tidy(text))[:MAX_TEXT_LENGTH]


def _pattern(value: str) -> str:
    escaped = re.escape(value)
    return rf"(?<!\w){escaped}(?!\w)" if len(value) <= SHORT_VALUE_LENGTH else escaped


def _tidy(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _submitted(call: Call) -> Iterator[str]:
    yield call.auth.api_token
    yield from (call.params or {}).values()
    yield from _strings(call.fields)


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for child in node.values():
            yield from _strings(child)
    elif isinstance(node, Iterable):
        for child in node:
            yield from _strings(child)


def _plain(value: object) -> str | None:
    """Read a name or id of Onfido's that is safe to repeat anywhere."""
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
