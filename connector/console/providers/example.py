"""The example application for developers: its files, and the variables with which it uses this provider."""

from __future__ import annotations

import io
import shlex
import zipfile
from urllib.parse import urlsplit

from flask import Response, g, url_for

from connector.access.development import IDENTIFIER
from connector.api.attachments import attachment
from connector.console.ground import public_url
from connector.console.providers import page
from connector.console.story import Story
from connector.domain.frozen import frozen
from connector.domain.providers.provider import Provider
from connector.shipped import example_application

FOLDER = "web-app"
STUB = "/sdk-stub.js"  # replaces Onfido's SDK, which refuses the tokens of a simulated Onfido
ONFIDO = ".onfido.com"
START = "python3 -m venv .venv && .venv/bin/pip install flask requests authlib && .venv/bin/python app.py"


@frozen
class Example:
    """The address of the application's files, and the commands that start it for a provider."""

    url: str
    commands: str


def install(story: Story) -> None:
    """Add the file to the story of providers."""
    story.page("/<provider_id>/example", scope=page.VIEW)(get_example)


def get_example(provider_id: str) -> Response:
    """Return the files of the example application; they contain nothing of the provider."""
    page.find(provider_id)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in example_application():
            packed.write(path, f"{FOLDER}/{path.name}")
    return attachment([written.getvalue()], "application/zip", f"{FOLDER}.zip")


def example_of(provider: Provider) -> Example:
    """Return the example application, filled in for a provider."""
    return Example(url_for(".get_example", provider_id=provider.provider_id), f"{_variables(provider)}\n{START}")


def _variables(provider: Provider) -> str:
    known = {"IDV_URL": public_url() + g.tenant.path, "PROVIDER_ID": provider.provider_id}
    if not (urlsplit(provider.base_url).hostname or "").endswith(ONFIDO):
        known["SDK_URL"] = STUB
    words = [f"{name}={shlex.quote(value)}" for name, value in known.items()]
    return " ".join(("export", *words, *_caller()))


def _caller() -> tuple[str, ...]:
    """Return the variables of the users' sign-in; the development issuer has none, and is replaced by a token."""
    issuer = g.viewer.principal.issuer
    if issuer == IDENTIFIER:
        return (f'ACCESS_TOKEN="$(connector token --user USER --tenant {shlex.quote(g.tenant.name)})"',)
    return (f"OIDC_ISSUER={shlex.quote(issuer)}", "OIDC_CLIENT_ID=…", "OIDC_CLIENT_SECRET=…")
