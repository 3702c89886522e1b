"""Errors as pages: what failed, what to do next, and the trace id to report; as a part if htmx requested one."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.wrappers import Response as BaseResponse

from connector.api.errors import DATABASE_RETRY_AFTER, answer_of
from connector.console import drafts
from connector.console.confirm import is_part_wanted
from connector.console.descriptions import description_of
from connector.console.links import here_with_query
from connector.console.own_token import SignInAgain
from connector.console.sign_in import SignInFailed, sign_in_url
from connector.console.story import ScopeMissing, SignedOut
from connector.console.translations import SOURCE
from connector.console.viewer import current_viewer
from connector.errors import (
    ChangedMeanwhile,
    Code,
    ConnectorError,
    DatabaseUnavailable,
    DirectoryError,
    InvalidField,
    OnfidoError,
    RequestError,
    TooManyRequests,
)
from connector.telemetry import trace_id

log = structlog.get_logger(__name__)

_USER_PAGES = ("verify", "openid_pages")
_PLAIN_PAGES = (*_USER_PAGES, "console.sign_in", "console.link")


def install(blueprint: Blueprint) -> None:
    """Answer every error of the console with a page, and refuse text that PostgreSQL cannot store or look up."""
    blueprint.before_request(_refuse_nul)
    blueprint.register_error_handler(SignedOut, _signed_out)
    blueprint.register_error_handler(SignInAgain, _sign_in_again)
    blueprint.register_error_handler(ScopeMissing, _scope_missing)
    blueprint.register_error_handler(SignInFailed, _sign_in_failed)
    blueprint.register_error_handler(CSRFError, _posted_from_elsewhere)
    blueprint.register_error_handler(TooManyRequests, _too_many)
    blueprint.register_error_handler(DatabaseUnavailable, _database_unavailable)
    blueprint.register_error_handler(ConnectorError, _refused)
    blueprint.register_error_handler(HTTPException, _http_error)
    blueprint.register_error_handler(Exception, _unexpected)


def _refuse_nul() -> None:
    if any("\0" in text for pairs in (request.args, request.form) for pair in pairs.items(multi=True) for text in pair):
        raise BadRequest(_("Text must not contain NUL characters. Go back, remove them, then try again."))


def _signed_out(_error: SignedOut) -> BaseResponse:
    url = sign_in_url(_return_address())
    if not is_part_wanted() and (request.method == "GET" or request.blueprint in _USER_PAGES):
        return _to_sign_in(url)
    log.warning("console.refused", reason="not signed in", path=request.path)
    sentence = _("Your session has ended. Sign in, then try again.")
    if request.method == "POST" and drafts.keep():
        url = sign_in_url(url_for("console.draft.show"))
        sentence = _(
            "Your session has ended, so that nothing was saved. Sign in: you get back what you typed, except secrets."
        )
    response = _page(401, _("You are signed out"), sentence, retry_url=url)
    if request.method == "GET":
        response.headers["HX-Redirect"] = url
    return response


def _sign_in_again(error: SignInAgain) -> BaseResponse:
    return _to_sign_in(sign_in_url(error.next_url, again=1))


def _to_sign_in(url: str) -> BaseResponse:
    """Lead to the sign-in; after a form by a page, because browsers do not let a form's redirects leave this site."""
    if request.method == "GET":
        return redirect(url)
    return Response(render_template("console/to_sign_in.html", url=url), HTTPStatus.UNAUTHORIZED)


def _scope_missing(error: ScopeMissing) -> Response:
    viewer = current_viewer()
    log.warning("console.refused", reason="scope", scope=error.scope, user=viewer.principal.subject if viewer else None)
    sentence = _(
        "This needs the permission %(scope)s, which your account does not have. Ask the people who administer your "
        "identity provider for it.",
        scope=error.scope,
    )
    return _page(403, _("You may not see this"), sentence, scope=error.scope)


def _sign_in_failed(error: SignInFailed) -> Response:
    url = sign_in_url(error.next_url, stay=1)
    return _page(400, _("You are not signed in"), error.text, retry_url=url)


def _posted_from_elsewhere(_error: CSRFError) -> Response:
    log.warning("console.refused", reason="the form's token is missing or old", path=request.path)
    return _page(
        400,
        _("Nothing was done"),
        _("The page was open for too long, or does not belong to this site. Reload it, then try again."),
    )


def _too_many(error: TooManyRequests) -> Response:
    log.warning("console.refused", reason="too many", path=request.path)
    response = _page(429, _("Too many at once"), description_of(error, _("Try again in a minute.")))
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def _database_unavailable(error: DatabaseUnavailable) -> Response:
    log.error("database.unavailable", reason=error.reason)
    response = _page(
        503,
        _("The database does not answer"),
        _("Nothing was changed or lost. Try again in a few seconds."),
        waiting_counts=dict,  # the menu has no numbers: each would wait for the database again
    )
    response.headers["Retry-After"] = str(DATABASE_RETRY_AFTER)
    return response


def _refused(error: ConnectorError) -> BaseResponse:
    if isinstance(error, ChangedMeanwhile):
        return _page(
            409, _("Nothing was saved"), _("Someone else is changing the same data. Reload the page, then save.")
        )
    if isinstance(error, InvalidField):
        return _page(400, _("That cannot be done"), description_of(error, _("Go back, and try again.")))
    if not isinstance(error, RequestError | OnfidoError):
        return _unexpected(error)
    if isinstance(error, DirectoryError) and request.blueprint in _USER_PAGES:
        return _profile_unreadable(error)
    status, headers = answer_of(error)
    title = _("Not found") if status == HTTPStatus.NOT_FOUND else _("That cannot be done")
    response = _page(status, title, description_of(error, f"{gettext(error.code.message)}."), code=error.code)
    response.headers.update(headers)
    return response


def _profile_unreadable(error: DirectoryError) -> BaseResponse:
    """Explain to a user that the values cannot be read; the cause is for administrators, in the log."""
    log.warning("verify.profile_unreadable", code=error.code, reason=error.description)
    if request.method == "POST":  # the page from which it was sent explains it
        return redirect(_return_address() or "", 303)
    retry_url = None
    if error.code is Code.NEEDS_THE_USER:
        sentence = _("Sign in again. If that does not help, tell the people who run this service.")
        retry_url = sign_in_url(here_with_query(), again=1)
    elif error.is_retryable:
        sentence = _("Nothing was lost. Try again in a minute.")
    else:
        sentence = _("It is not your fault. Tell the people who run this service, with the trace id.")
    status, headers = answer_of(error)
    response = _page(status, _("Your profile cannot be read"), sentence, code=error.code, retry_url=retry_url)
    response.headers.update(headers)
    return response


def _http_error(error: HTTPException) -> BaseResponse:
    status = error.code or 500
    if error.response is not None:
        return error.get_response()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    if status == HTTPStatus.NOT_FOUND:
        return _page(404, _("Page not found"), _("The address is wrong, or its content has been removed."))
    if str(get_locale()) != SOURCE:
        return _page(status, _("That cannot be done"), _("Go back, and try again."))
    return _page(status, error.name, str(error.description))


def _unexpected(error: Exception) -> Response:
    log.error("request.failed", exc_info=error)
    return _page(500, _("An unexpected error occurred"), _("Try again. The log has the details under this trace id."))


def _page(status: int, title: str, sentence: str, **context: object) -> Response:
    template = "console/error_part.html" if is_part_wanted() else "console/error.html"
    try:
        viewer = current_viewer()
    except (ConnectorError, DatabaseUnavailable):
        viewer = None
    text = render_template(
        template,
        status=status,
        title=title,
        sentence=sentence,
        trace=trace_id.get(),
        viewer=viewer,
        is_plain=viewer is None or status == HTTPStatus.UNAUTHORIZED or request.blueprint in _PLAIN_PAGES,
        home_url=_home_url() if viewer else None,
        back_url=_back_url(status),
        **context,
    )
    return Response(text, status=status)


def _home_url() -> str | None:
    """Return the first page of those to which the request belongs."""
    if request.blueprint in _PLAIN_PAGES:
        return url_for("verify.show_first") if request.blueprint == "verify" else None
    return url_for("console.show_first")


def _back_url(status: int) -> str | None:
    """Return the page from which a form was sent, because the form's own address may show nothing."""
    is_useful = request.method == "POST" and status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
    return _return_address() if is_useful else None


def _return_address() -> str | None:
    """Return the page to show after a sign-in: this one, or the user's page to which a form or a part belongs."""
    if request.method == "GET" and not is_part_wanted():
        return here_with_query()
    if shown := request.headers.get("HX-Current-URL") or request.referrer:  # the page of a part, or of a form
        return _local(shown)
    if request.blueprint in _USER_PAGES and request.view_args:
        return url_for(".show", **request.view_args)
    return None


def _local(shown: str) -> str | None:
    """Return an address that a browser reports, without its host; None if it is none."""
    try:
        parts = urlsplit(shown)
    except ValueError:
        return None
    path = f"/{parts.path.lstrip('/')}"  # two slashes would begin another site's address
    return f"{path}?{parts.query}" if parts.query else path
