"""Why a start was refused, in words for the user: what is wrong, and what to do."""

from __future__ import annotations

from http import HTTPStatus

from flask_babel import gettext as _

from connector.console.claim_names import claim_name, in_order
from connector.domain.frozen import frozen
from connector.errors import Code, ConnectorError, OnfidoError, RequestError, TooManyRequests

RETRY_AFTER = 30  # seconds
_BUSY = (Code.BEING_STARTED,)


@frozen
class Problem:
    """A problem that the page explains, with the status of its answer."""

    title: str
    sentence: str
    status: int = HTTPStatus.BAD_REQUEST
    retry_after: int | None = None


def problem_of(error: ConnectorError) -> Problem | None:
    """Return the problem of a refused start; None if the state of the page explains it."""
    code = getattr(error, "code", None)
    if code is Code.VALUE_MISSING and isinstance(error, RequestError):
        names = ", ".join(map(claim_name, in_order(error.claims)))
        return _of_profile(_("It has no entry for: %(names)s. Complete it, then start again.", names=names))
    if code is Code.APPLICANT_REFUSED:
        return _of_profile(
            _("An entry cannot be checked as it is, such as a name, a date or a country. Correct it, then start again.")
        )
    if isinstance(error, OnfidoError):
        return _of_onfido(error)
    if isinstance(error, TooManyRequests) or code in _BUSY:
        return Problem(_("This was started a moment ago."), _("Try again in a few seconds."), HTTPStatus.CONFLICT)
    return None


def _of_profile(sentence: str) -> Problem:
    return Problem(_("Your profile is not complete, or not correct."), sentence)


def _of_onfido(error: OnfidoError) -> Problem:
    title, status = _("Verification cannot be reached at the moment."), HTTPStatus.SERVICE_UNAVAILABLE
    if error.is_retryable:
        return Problem(title, _("Nothing was lost. Try again in a minute."), status, error.retry_after or RETRY_AFTER)
    return Problem(title, _("It is not your fault. Tell the people who run this service."), status)
