"""`/` and `/docs/`: the description of the API, to be read and tried in a browser.

With `--dev` the page contains an access token of the development issuer, so that every operation can be tried at once.
It is only in the page itself, where no page of another origin can read it, and only for a browser on this host.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
)
from werkzeug.wrappers import Response as BaseResponse

from connector.access.development import mint_token
from connector.access.gate import REQUIRED_SCOPE
from connector.settings import Settings
from connector.settings.checks import is_loopback

USER = "ann"  # the user of the guides, for whom the development token is issued unless `?user=` names another
CONFIG = {
    "url": "../openapi.json",
    "dom_id": "#reader",
    "deepLinking": True,
    "validatorUrl": None,  # Swagger's own validator would learn this server's address
    "oauth2RedirectUrl": None,  # the host would be taken from the request
    "defaultModelsExpandDepth": 0,
}
blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/")
def redirect_to_documentation() -> BaseResponse:
    """Redirect to the documentation, relative to the requested address."""
    return redirect("docs/")


@blueprint.get("/docs/")
def show_documentation() -> Response:
    """Show the description of the API."""
    settings: Settings = current_app.extensions["settings"]
    user = request.args.get("user", USER)
    page = render_template(
        "docs.html", root=request.script_root, config=CONFIG, user=user, token=_token(settings, user)
    )
    response = make_response(page)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/docs/<path:name>")
def get_asset(name: str) -> Response:
    """Return a script, a style or an image of the page."""
    own = Path(__file__).parent / "static"
    return send_from_directory(own if (own / name).is_file() else _reader(), name)


@cache
def _reader() -> Path:
    """Return the directory of Swagger UI's own files."""
    import flask_swagger_ui  # noqa: PLC0415  few processes ever show the documentation

    return Path(flask_swagger_ui.__file__).parent / "dist"


def _token(settings: Settings, user: str) -> str | None:
    """Return a development token; None without `--dev`, or if the browser uses another name of this host."""
    if not settings.dev or not is_loopback(urlsplit(f"//{request.host}").hostname):
        return None
    scopes = {vars(view).get(REQUIRED_SCOPE) for view in current_app.view_functions.values()}
    return mint_token(settings.data_dir, user, sorted(scope for scope in scopes if scope))
