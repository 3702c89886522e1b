"""Names of the properties of providers, endpoints and clients, as sentences and tables use them."""

from __future__ import annotations

from connector.domain.messages import ClaimNames
from connector.domain.messages import message as _

_PROPERTIES = {
    "api_token": _("the API token"),
    "client_id": _("the client id"),
    "client_secret": _("the client secret"),
    "webhook_token": _("the webhook token"),
    "notice_secret": _("the secret for notices"),
    "workflow_id": _("the workflow"),
    "base_url": _("the base URL"),
    "max_attempts": _("the number of attempts"),
    "value": _("the user's value"),
    "attempt_window": _("the time for attempts"),
    "missing_name": _("the replacement for a missing name"),
    "accent_color": _("the accent colour"),
    "is_enabled": _("whether it is enabled"),
    "url": _("the URL"),
    "allows_sandbox": _("whether results of the sandbox count"),
    "redirect_uris": _("the redirect URIs"),
    "provider_id": _("the provider"),
    "keys": _("the public keys"),
}


def property_name(name: str) -> str:
    """Return the name of a property of a provider, an endpoint or a client, as sentences use it."""
    whole, _dot, part = name.partition(".")
    if whole == "claims" and part:
        return _("the mapping of %(name)s", name=short_claim(part))
    if part:
        return _("the Studio setting %(name)s", name=part)
    return _PROPERTIES.get(name) or _("the %(name)s", name=name.replace("_", " "))


def short_claim(uri: str) -> ClaimNames:
    """Return a claim as a part of a sentence: in English the last part of its URI, which is familiar to people."""
    return ClaimNames([uri], uri.rstrip("/").rpartition("/")[2] or uri)
