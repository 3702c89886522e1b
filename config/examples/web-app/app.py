"""A small web application that lets its users verify their identity: one page, and this file behind it.

    browser ──► /            the page; a user who is not signed in is redirected to the identity provider
            ──► /start       INITIATED, or REINITIATED where a verification is open: token and run for Onfido's Web SDK
            ──► /complete    COMPLETED, waiting a few seconds for the result: the claims

The access token stays on the server: the browser has a session cookie only. README.md says how to run it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from authlib.integrations.flask_client import OAuth
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)

CLAIMS = ("http://wso2.org/claims/givenname", "http://wso2.org/claims/lastname", "http://wso2.org/claims/dob")
VERIFICATION_OPEN, NOTHING_TO_VERIFY = "OIDV-10004", "OIDV-10049"
OK, UNAUTHORIZED, FORBIDDEN = 200, 401, 403
TIMEOUT = 40  # seconds; COMPLETED waits for up to 10 of them
STUB = "/sdk-stub.js"
ONFIDO = "https://*.onfido.com"
TOKENS: dict[str, str] = {}  # access tokens by session; several processes need a store that they share

pages = Blueprint("pages", __name__)


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Create the application from its settings, the variables that README.md names."""
    app = Flask(__name__, template_folder=str(Path(__file__).parent))
    app.secret_key = environ.get("SECRET_KEY") or secrets.token_hex()
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    app.config["SESSION_COOKIE_SECURE"] = environ.get("APP_URL", "").startswith("https://")
    app.config["SDK_URL"] = environ.get("SDK_URL", "https://sdk.onfido.com/v14")
    app.config["ENVIRON"] = environ
    app.config["SIGN_IN"] = None if "ACCESS_TOKEN" in environ else sign_in_client(app, environ)
    app.register_blueprint(pages)
    return app


def sign_in_client(app: Flask, environ: Mapping[str, str]) -> Any:
    """Return the client of the identity provider; the demo needs none, for it is given an access token."""
    issuer = environ["OIDC_ISSUER"].rstrip("/")
    return OAuth(app).register(
        "sign_in",
        client_id=environ["OIDC_CLIENT_ID"],
        client_secret=environ.get("OIDC_CLIENT_SECRET"),
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": environ.get("OIDC_SCOPE", "openid internal_login"), "code_challenge_method": "S256"},
    )


@pages.before_request
def admit() -> Any:
    """Refuse posts from other sites, and ask for a sign-in."""
    g.nonce = secrets.token_urlsafe(16)
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return {"message": "Open the page again."}, FORBIDDEN
    if access_token() is not None or request.endpoint in ("pages.login", "pages.signed_in"):
        return None
    return redirect(url_for(".login")) if request.method == "GET" else ({"message": "Sign in again."}, UNAUTHORIZED)


@pages.get("/")
def page() -> str:
    """Show the page."""
    return render_template("page.html", sdk_url=current_app.config["SDK_URL"], nonce=g.nonce)


@pages.get(STUB)
def stub() -> Response:
    """Return what stands in for the SDK in the demo."""
    return send_file(Path(__file__).parent / "sdk-stub.js")


@pages.post("/start")
def start() -> Any:
    """Start a verification, or continue the one that is open."""
    body, status = verify("INITIATED")
    if body.get("code") == VERIFICATION_OPEN:
        body, status = verify("REINITIATED")
    if body.get("code") == NOTHING_TO_VERIFY:
        return {"done": True}
    if status != OK:
        return {"message": body.get("description", "Please try again.")}, status
    about = body["claims"][0]["claimMetadata"]
    return {"token": about.get("sdk_token"), "run": about.get("onfido_workflow_run_id"), "link": about.get("link_url")}


@pages.post("/complete")
def complete() -> Any:
    """Return the state of the claims; wait a few seconds for the result if there is none yet."""
    body, status = verify("COMPLETED", wait=10)
    if status != OK:
        return {"message": body.get("description", "Please try again.")}, status
    return {
        "status": body["claims"][0]["claimMetadata"].get("onfido_workflow_status"),
        "claims": {each["uri"].rpartition("/")[2]: each["isVerified"] for each in body["claims"]},
    }


@pages.get("/login")
def login() -> Any:
    """Lead to the identity provider."""
    client = current_app.config["SIGN_IN"]
    return redirect("/") if client is None else client.authorize_redirect(url_for(".signed_in", _external=True))


@pages.get("/signed-in")
def signed_in() -> Any:
    """Keep the user's access token, and show the page."""
    token = current_app.config["SIGN_IN"].authorize_access_token()["access_token"]
    session.clear()
    session["id"] = secrets.token_urlsafe()
    TOKENS[session["id"]] = token
    return redirect("/")


@pages.after_request
def protect(response: Response) -> Response:
    """Allow this page's own script, and what Onfido's SDK needs: it fetches itself from Onfido's hosts."""
    sdk_url = current_app.config["SDK_URL"]
    sdk_host = "'self'" if sdk_url == STUB else "/".join(sdk_url.split("/")[:3])
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{g.nonce}' {sdk_host} {ONFIDO} 'wasm-unsafe-eval'; "
        f"style-src 'self' 'unsafe-inline' {ONFIDO}; img-src 'self' data: blob: {ONFIDO}; font-src data: {ONFIDO}; "
        f"connect-src 'self' blob: data: {ONFIDO} wss://*.onfido.com; media-src blob: data: {ONFIDO}; "
        f"worker-src blob:; frame-src blob: {ONFIDO}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def access_token() -> str | None:
    """Return the user's access token: from the sign-in, or the one that the demo was given."""
    given = current_app.config["ENVIRON"].get("ACCESS_TOKEN")
    return given or TOKENS.get(session.get("id", ""))


def verify(status: str, wait: int = 0) -> tuple[dict[str, Any], int]:
    """Ask the connector for a step of the user's verification."""
    environ = current_app.config["ENVIRON"]
    answer = requests.post(
        f"{environ['IDV_URL']}/api/users/v1/me/idv/verify",
        headers={"Authorization": f"Bearer {access_token()}", "Prefer": f"wait={wait}"},
        json={
            "idVProviderId": environ["PROVIDER_ID"],
            "claims": list(CLAIMS),
            "properties": [{"key": "status", "value": status}],
        },
        timeout=TIMEOUT,
    )
    return answer.json(), answer.status_code


if __name__ == "__main__":
    create_app().run(port=int(os.environ.get("PORT", "5000")))
