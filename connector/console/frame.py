"""Installs the console in the application: its blueprint, libraries, templates, files, headers and errors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, g, redirect, request, url_for
from flask_babel import Babel, get_locale
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import CSRFProtect, generate_csrf
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from connector.access.openid_client import OpenIdClient
from connector.console import assets, formats, headers, links, meanwhile, one_time_links, refusals, sign_in, words
from connector.console.claim_names import claim_name
from connector.console.cookies import ConsoleCookies
from connector.console.ground import TURNS
from connector.console.icons import icon
from connector.console.live import etag
from connector.console.menu import menu_of, waiting_counts
from connector.console.notices import take_notices
from connector.console.providers import labels
from connector.console.stories import STORIES
from connector.console.story import admit
from connector.console.translations import Catalogues, choose_language, say
from connector.console.turns import SignInTurns
from connector.console.verify.pages import verify
from connector.console.viewer import current_viewer
from connector.domain.audit.history import name_of
from connector.domain.messages import without_command
from connector.domain.verifications.failures import failure_words
from connector.settings import Settings

HERE = Path(__file__).parent

console = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
files = Blueprint("console_files", __name__, static_folder="static", static_url_path="/console/static")
for _each in (sign_in.blueprint, one_time_links.blueprint, *STORIES):
    console.register_blueprint(_each)
console.after_request(headers.protect)
refusals.install(console)
meanwhile.install(console)


@console.route("")
def show_first() -> Response:
    """Redirect to the first page that the person may see."""
    admit(None)
    lines = menu_of(g.viewer)
    return redirect(lines[0].url if lines else url_for("console.sessions.show_list"))


@console.route("/<path:_path>")
def show_nothing(_path: str) -> str:
    """Answer a request for a page that does not exist."""
    raise NotFound


@console.context_processor
@verify.context_processor
def _names() -> dict[str, Any]:
    """Return the names that are available in every page."""
    viewer = current_viewer()
    return {
        "viewer": viewer,
        "menu": menu_of(viewer) if viewer else [],
        "waiting_counts": waiting_counts,
        "language": str(get_locale()),
        "base": f"{request.script_root}/console",
        "search_url": f"{request.script_root}/console/search",
    }


def install(app: Flask, settings: Settings, secrets: Mapping[str, str]) -> None:
    """Install the console in an application that has the use cases and the trusted issuers.

    `secrets` are the console's as a client of issuers, by the references in the settings.
    """
    app.secret_key = app.extensions["services"].derive_key("console cookies")
    app.session_interface = ConsoleCookies()
    app.config |= {"BOOTSTRAP_SERVE_LOCAL": True, "WTF_CSRF_CHECK_DEFAULT": False, "WTF_CSRF_TIME_LIMIT": None}
    # A proxy may send another Host than the browser. The cookie's name, `__Host-`, prevents what this would prevent.
    app.config["WTF_CSRF_SSL_STRICT"] = False
    app.static_url_path = ""  # Bootstrap's files are then under /bootstrap
    Bootstrap5(app)
    CSRFProtect(app)
    Babel(app, locale_selector=choose_language, timezone_selector=formats.viewers_zone)
    app.extensions["babel"].instance.domain_instance = Catalogues()
    app.extensions["console_clients"] = _clients(settings, secrets)
    app.extensions[TURNS] = SignInTurns(_half(settings.console_threads))
    _install_words(app)
    app.after_request(assets.protect)
    app.register_blueprint(files)
    app.register_blueprint(console)
    app.register_blueprint(verify)


def _clients(settings: Settings, secrets: Mapping[str, str]) -> list[OpenIdClient]:
    """Return the console as a client of each issuer that it signs people in at."""
    proxy, waiting = settings.outgoing_proxy, threading.BoundedSemaphore(_half(settings.console_threads))
    return [
        OpenIdClient(each, secrets.get(each.console_client_secret, ""), proxy=proxy, waiting=waiting)
        for each in settings.all_issuers
        if each.console_client_id
    ]


def _half(threads: int) -> int:
    """Return how many threads may wait for issuers at once."""
    return max(1, threads // 2)


def _install_words(app: Flask) -> None:
    """Add the functions and values that templates use."""
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.finalize = say
    environment.globals |= {
        "icon": icon,
        "asset": assets.asset,
        "etag": etag,
        "csrf": generate_csrf,
        "words": words,
        "links": links,
        "take_notices": take_notices,
        "shown": meanwhile.shown_field,
        "zone_name": formats.zone_name,
    }
    names = ("time_tag", "duration", "short_id", "number", "percent", "nothing", "breakable")
    environment.filters |= {name: getattr(formats, name) for name in names} | {
        "actor_name": name_of,
        "claim_name": claim_name,
        "sentence": formats.sentence_of,
        "property_label": labels.label_of,
        "property_value": labels.value_of,
        "failure_words": failure_words,
        "without_command": without_command,
    }
