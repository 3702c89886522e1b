"""Onfido's error answers, as `OnfidoError`s.

    {"error": {"type", "message", "fields": {name: [reasons]}}}
        ├─► code: by the type, otherwise by the status, otherwise by the kind of call
        └─► description: Onfido's message, masked
    any other body with a 4xx
        └─► no answer: a proxy may have sent it, and Onfido may have carried out the request (OIDV-10046)

Onfido's messages may quote the request. So every submitted value in them is replaced by `…`, as is the token: a text
wherever it occurs, a short text or a number (in any notation) only as a separate word. If a boolean was sent, both
`true` and `false` are replaced, because either word would reveal it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.messages import joined, message
from connector.errors import Code, OnfidoError, is_refusing
from connector.onfido.calls import Answer, Call
from connector.onfido.failures import UNREACHABLE_RETRY_AFTER
from connector.onfido.pacing import LONGEST_RETRY_AFTER
from connector.onfido.reading import mapping, printable, read_json

THROTTLED_RETRY_AFTER = 60  # seconds, if Onfido sends none: its limit counts requests per minute
MAX_TEXT_LENGTH = 300
MAX_FIELDS = 20
MAX_NAME_LENGTH = 100
SHORT_VALUE_LENGTH = 2  # texts up to this length are only replaced as separate words
MAX_VALUES = 1000  # if more were sent, Onfido's message is not repeated at all
MAX_SEARCHED = 10_000  # characters of a message that is searched for values; a longer one is not repeated either
NOT_YET = message("The file may not be ready yet: ask again in a moment, or create it anew.")

_BY_TYPE = {
    "authorization_error": Code.TOKEN_REFUSED,
    "user_authorization_error": Code.TOKEN_REFUSED,
    "expired_token": Code.TOKEN_REFUSED,
    "account_disabled": Code.TOKEN_REFUSED,
    "incorrect_base_url": Code.BASE_URL_WRONG,
    "rate_limit": Code.ONFIDO_THROTTLES,
    # Errors of the account, not of the applicant or the workflow.
    "trial_limits_reached": Code.INITIATION_FAILED,
    "missing_billing_info": Code.INITIATION_FAILED,
}
_BY_STATUS = {401: Code.TOKEN_REFUSED, 429: Code.ONFIDO_THROTTLES}
_REFUSALS = {
    Code.APPLICANT_REFUSED: frozenset({400, 422}),
    Code.WORKFLOW_REFUSED: frozenset({400, 403, 404, 410, 422}),
    Code.WEBHOOK_REFUSED: frozenset({400, 403, 409, 422}),
    Code.TASK_REFUSED: frozenset({400, 404, 409, 410, 422}),
    Code.FILE_UNAVAILABLE: frozenset({400, 404, 409, 410, 422}),
}
_RETRY_AFTER = {Code.ONFIDO_THROTTLES: THROTTLED_RETRY_AFTER, Code.ONFIDO_UNREACHABLE: UNREACHABLE_RETRY_AFTER}
_ADVICE = {
    Code.TOKEN_REFUSED: message("Correct the provider's token, or its client_id and client_secret."),
    Code.BASE_URL_WRONG: message("Correct the provider's base_url: it must be that of the token's region."),
    Code.ONFIDO_THROTTLES: message("Try again later."),
    Code.ONFIDO_UNREACHABLE: message("Try again later."),
    Code.APPLICANT_REFUSED: message("Correct the user's values, then ask again."),
    Code.WORKFLOW_REFUSED: message("Correct the provider's workflow_id, or the workflow in Onfido Studio."),
    Code.WEBHOOK_REFUSED: message("Correct public_url, or change the webhooks in Onfido's dashboard."),
    Code.TASK_REFUSED: message("Correct the data as the task's definition in Onfido Studio requires."),
    Code.INITIATION_FAILED: message(
        "Check base_url and the account at Onfido, whose support finds the request by its id."
    ),
}
_BOOLEAN = r"(?<!\w)(?:true|false)(?!\w)"
_NUMBER = re.compile(r"(?<!\w)-?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?(?!\w)", re.IGNORECASE)
_PLAIN = re.compile(r"[\w.:-]{1,100}", re.ASCII)


@frozen
class _Complaint:
    type: str | None
    message: str
    reasons: Mapping[str, list[str]]
    request_id: str | None
    is_onfidos: bool


def refusal(answer: Answer, call: Call, refused_as: Code | None) -> OnfidoError:
    """Create the error for an unsuccessful answer; `refused_as` is the code for a refusal of the call's data.

    A run that is refused only because of its applicant has a separate code.
    """
    complaint = _read(answer)
    code = _code(answer.status, complaint, refused_as)
    is_missing_file = call.is_download and answer.status == HTTPStatus.NOT_FOUND
    advice = NOT_YET if is_missing_file else _ADVICE.get(code, "")
    return OnfidoError(
        code,
        joined((_describe(answer.status, complaint, _mask(_submitted(call))), advice)),
        status=answer.status,
        type=complaint.type,
        request_id=complaint.request_id,
        retry_after=_retry_after(code, answer.retry_after),
        is_onfidos=complaint.is_onfidos,
        fields=[name for name in complaint.reasons if _plain(name)],
    )


def misunderstanding(answer: Answer, why: str) -> OnfidoError:
    """Create the error for a successful answer whose body cannot be used."""
    description = message(
        "Onfido's answer (HTTP %(status)s) cannot be read: %(why)s. Check base_url, then ask again.",
        status=answer.status,
        why=why,
    )
    request_id = _plain(answer.request_id)
    return OnfidoError(Code.INITIATION_FAILED, description, status=answer.status, request_id=request_id)


def _code(status: int, complaint: _Complaint, refused_as: Code | None) -> Code:
    known = _BY_TYPE.get(complaint.type or "") or _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or _is_no_answer(status, complaint):
        return Code.ONFIDO_UNREACHABLE
    if refused_as is None or status not in _REFUSALS[refused_as]:
        return Code.INITIATION_FAILED
    is_about_applicant = refused_as is Code.WORKFLOW_REFUSED and _is_about_applicant(status, complaint)
    return Code.APPLICANT_REFUSED if is_about_applicant else refused_as


def _is_no_answer(status: int, complaint: _Complaint) -> bool:
    return status >= HTTPStatus.BAD_REQUEST and not (complaint.is_onfidos and is_refusing(status))


def _retry_after(code: Code, asked: int | None) -> int | None:
    usual = _RETRY_AFTER.get(code)
    if usual is None:
        return None
    return min(max(1, usual if asked is None else asked), LONGEST_RETRY_AFTER)


def _is_about_applicant(status: int, complaint: _Complaint) -> bool:
    if complaint.reasons:
        return "applicant_id" in complaint.reasons and "workflow_id" not in complaint.reasons
    message = complaint.message.lower()
    return status == HTTPStatus.GONE or ("applicant" in message and "workflow" not in message)


def _describe(status: int, complaint: _Complaint, mask: Callable[[str], str]) -> str:
    said = ": ".join(mask(words) for words in (complaint.type or "", complaint.message) if words)
    request_id = f"request id {mask(complaint.request_id)}" if complaint.request_id else ""
    source = ", ".join(filter(None, (f"HTTP {status}", said, request_id)))
    return message("%(summary)s (%(source)s).", summary=_summary(status, complaint, mask), source=source)


def _summary(status: int, complaint: _Complaint, mask: Callable[[str], str]) -> str:
    if complaint.reasons:
        fields = (f"{mask(name)}: {mask(', '.join(reasons))}" for name, reasons in complaint.reasons.items())
        return message("Onfido refused %(fields)s", fields="; ".join(fields))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return message("Onfido failed")
    if status < HTTPStatus.BAD_REQUEST:
        return message("The base URL answered with a redirect, and redirects are not followed")
    if _is_no_answer(status, complaint):
        return message("The answer is not Onfido's: a proxy gave up or refused, or the base URL is wrong")
    return message("Onfido refused the request")


def _read(answer: Answer) -> _Complaint:
    try:
        body = mapping(read_json(answer.body))
    except ValueError:
        body = {}
    error = mapping(body.get("error"))
    message = error.get("message")
    return _Complaint(
        type=_plain(error.get("type")),
        message=message if isinstance(message, str) else "",
        reasons=_reasons(mapping(error.get("fields"))),
        request_id=_plain(answer.request_id) or _plain(body.get("x-request-id")),
        is_onfidos=isinstance(error.get("type"), str) or isinstance(error.get("fields"), dict),
    )


def _reasons(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Flatten Onfido's reasons for each field: nested objects get dotted names."""
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


def _mask(submitted: Iterable[object]) -> Callable[[str], str]:
    """Return a function that makes a text safe for a description: short, without submitted values and control
    characters.
    """
    values = list(submitted)
    if len(values) > MAX_VALUES:
        return lambda words: "…" if words else ""
    known = sorted({printable(value) for value in values if isinstance(value, str)} - {""}, key=len, reverse=True)
    has_booleans = any(isinstance(value, bool) for value in values)
    pattern = re.compile("|".join([*map(_pattern, known), _BOOLEAN if has_booleans else "(?!)"]), re.IGNORECASE)
    numbers = {Decimal(repr(value)) for value in values if type(value) in (int, float)}

    def mask(words: str) -> str:
        if len(words) > MAX_SEARCHED:
            return "…"
        return _mask_numbers(pattern.sub("…", printable(words)), numbers)[:MAX_TEXT_LENGTH]

    return mask


def _pattern(value: str) -> str:
    escaped = re.escape(value)
    return rf"(?<!\w){escaped}(?!\w)" if len(value) <= SHORT_VALUE_LENGTH else escaped


def _mask_numbers(words: str, numbers: set[Decimal]) -> str:
    """Replace the submitted numbers in any notation: 2.5 may be quoted as 2.50."""

    def replace(number: re.Match[str]) -> str:
        return "…" if Decimal(number.group().replace(",", "")) in numbers else number.group()

    return _NUMBER.sub(replace, words)


def _submitted(call: Call) -> Iterator[object]:
    yield call.auth.secret
    yield from (call.params or {}).values()
    yield from _leaves(call.fields)


def _leaves(node: object) -> Iterator[object]:
    """Yield the scalar values in an object or array, at any depth."""
    rest: list[object] = [node]
    while rest:
        node = rest.pop()
        if isinstance(node, Mapping):
            rest.extend(node.values())
        elif isinstance(node, list | tuple):
            rest.extend(node)
        else:
            yield node


def _plain(value: object) -> str | None:
    """Read a name or id of Onfido's that can be repeated safely."""
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else None
