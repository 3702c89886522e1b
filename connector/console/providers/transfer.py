"""A provider as a file: exported without secrets; an import shows the differences before it changes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response as FileResponse
from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from connector.api.provider_file import changes_by, config_of, file_of, read_file
from connector.console.descriptions import description_of
from connector.console.meanwhile import version_of
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.story import Story
from connector.console.viewer import actor
from connector.domain.messages import message
from connector.domain.providers.provider import Provider
from connector.errors import ChangedMeanwhile, InvalidField, RequestError

_OVERTAKEN = _l("The provider was changed since this was shown: these are the differences to what it is now.")
VERSION = "version"  # the field with the digest of the configuration that the differences were shown for
LARGEST = 65_536  # bytes of a file; the API's limit


def install(story: Story) -> None:
    """Add both directions to the story of providers."""
    story.page("/<provider_id>/export", scope=page.VIEW)(export)
    story.page("/<provider_id>/import", scope=page.UPDATE)(show_import)
    story.action("/<provider_id>/import", scope=page.UPDATE, is_shown_again=True)(take_file)


def export(provider_id: str) -> Response:
    """Return a provider's configuration as a file, without its secrets."""
    provider = page.find(provider_id)
    name = secure_filename(provider.name) or "provider"
    text = json.dumps(file_of(provider), indent=2, ensure_ascii=False) + "\n"
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return FileResponse(text, mimetype="application/json", headers=headers)


def show_import(provider_id: str) -> str:
    """Show the form for a file."""
    return _page(page.find(provider_id))


def take_file(provider_id: str) -> str | Response:
    """Show the changes that a file would make; apply them if they were shown before."""
    provider = page.find(provider_id)
    try:
        file = read_file(_given())
        if request.form.get("do") != "apply":
            return _page(provider, text=json.dumps(file), changes=changes_by(provider, file))
        if request.form.get(VERSION) != version_of(file_of(provider)):
            changes = changes_by(provider, file)
            return _page(provider, text=json.dumps(file), changes=changes, error=_OVERTAKEN)
        page.registry().change(g.tenant, provider_id, config_of(file), actor(), seen=provider)
    except ChangedMeanwhile:
        now = page.find(provider_id)
        return _page(now, text=json.dumps(file), changes=changes_by(now, file), error=_OVERTAKEN)
    except (InvalidField, RequestError) as error:
        return _page(provider, error=description_of(error))
    notify(_("The file is applied. Secrets are as they were."))
    return redirect(url_for(".show_general", provider_id=provider_id))


def _given() -> bytes:
    """Return the file: uploaded, or as it was shown before."""
    file = request.files.get("file")
    raw = file.read(LARGEST + 1) if file is not None and file.filename else request.form.get("text", "").encode()
    if len(raw) > LARGEST:
        raise InvalidField("file", message("must have at most %(largest)s bytes", largest=LARGEST))
    if not raw.strip():
        raise InvalidField("file", message("must be chosen"))
    return raw


def _page(provider: Provider, *, text: str = "", changes: Mapping[str, Any] | None = None, error: object = "") -> str:
    sentence = _("A file replaces everything except the secrets. The differences are shown first.")
    more: dict[str, Any] = {"text": text, "differences": changes, "error": error}
    version = version_of(file_of(provider))
    return page.show_tab("console/providers/import.html", provider, "general", sentence, version=version, **more)
