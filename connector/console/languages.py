"""The languages of pages for users: a choice on each page, which works without JavaScript.

The language of a page is determined by its query (`ui_locales`, OpenID's parameter: several, the preferred first),
else by the cookie that such a query sets, by the OpenID request (`g.ui_locales`), or by the browser.
"""

from __future__ import annotations

from urllib.parse import urlencode

from babel import Locale
from flask import Blueprint, Response, g, request
from flask_babel import get_locale, refresh

from connector.console.translations import LANGUAGE_COOKIE, PARAMETER, languages, named_language
from connector.console.viewer import is_secure
from connector.domain.studio.capture import LANGUAGES


def speak_all(blueprint: Blueprint) -> None:
    """Show a blueprint's pages in every available language."""
    blueprint.before_request(_choose)
    blueprint.after_request(_remember)
    blueprint.context_processor(lambda: {"language": str(get_locale()), "choices": _choices()})


def prefer(ui_locales: str | None) -> None:
    """Use the languages of an OpenID request, unless the user has chosen one."""
    g.ui_locales = ui_locales
    refresh()


def requested() -> str | None:
    """Return the languages of the OpenID request, for the pages of the sign-in that it requires."""
    languages: str | None = g.get(PARAMETER)
    return languages


def onfido_language() -> str | None:
    """Return the page's language by Onfido's name for it; None if Onfido's pages do not have it."""
    return next((each for each in LANGUAGES if each.startswith(f"{get_locale()}_")), None)


def _choose() -> None:
    g.languages = tuple(languages())


def _remember(response: Response) -> Response:
    chosen = named_language(request.args.get(PARAMETER), tuple(languages()))
    if chosen is not None:
        response.set_cookie(LANGUAGE_COOKIE, chosen, secure=is_secure(), httponly=True, samesite="Lax", path="/")
    return response


def _name(language: str) -> str:
    return str(Locale.parse(language).get_language_name(language)).title()


def _choices() -> list[tuple[str, str, bool, str]]:
    """Return each language with its name, whether the page is in it, and the page's address in it.

    Empty for the answers to a post and to an issuer's redirect, which cannot be requested again.
    """
    if request.method != "GET" or "state" in request.args:
        return []
    current, query = str(get_locale()), request.args.to_dict()
    addresses = {each: f"?{urlencode(query | {PARAMETER: each})}" for each in languages()}
    return [(each, _name(each), each == current, url) for each, url in addresses.items()]
