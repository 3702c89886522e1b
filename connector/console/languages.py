"""The languages of pages that are not for administrators only: a choice on each page, which works without JavaScript.

A page is shown in the language that its query names (`ui_locales`, OpenID's parameter: several, the preferred first),
else in that of the cookie which such a query leaves, of the OpenID request (`g.ui_locales`), or of the browser.
"""

from __future__ import annotations

from babel import Locale
from flask import Blueprint, Response, g, request
from flask_babel import get_locale, refresh

from connector.console.translations import LANGUAGE_COOKIE, PARAMETER, languages, named_language
from connector.console.viewer import is_secure
from connector.domain.capture import LANGUAGES


def speak_all(blueprint: Blueprint) -> None:
    """Show a blueprint's pages in every language that there is."""
    blueprint.before_request(_choose)
    blueprint.after_request(_remember)
    blueprint.context_processor(lambda: {"language": str(get_locale()), "choices": _choices()})


def prefer(ui_locales: str | None) -> None:
    """Use the languages that an OpenID request names, where the user has chosen none."""
    g.ui_locales = ui_locales
    refresh()


def onfido_language() -> str | None:
    """Return the page's language as Onfido names those of its own pages; None where it has none such."""
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


def _choices() -> list[tuple[str, str, bool]]:
    """Return each language with its name, and whether the page is in it; none for the answer to a post."""
    if request.method != "GET":
        return []
    current = str(get_locale())
    return [(each, _name(each), each == current) for each in languages()]
