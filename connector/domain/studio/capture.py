"""The two ways of capture: Onfido's SDK in the application, or a link to Onfido's pages."""

from __future__ import annotations

from datetime import datetime

from connector.domain.frozen import frozen

SDK, LINK = "sdk", "link"
LANGUAGES = ("en_US", "de_DE", "es_ES", "fr_FR", "it_IT", "pt_PT", "nl_NL")  # Onfido's API, `workflow_run_link`


@frozen
class LinkOptions:
    """The options of a Smart Capture Link; None means Onfido's default."""

    completed_redirect_url: str | None = None
    expired_redirect_url: str | None = None
    expires_at: datetime | None = None
    language: str | None = None


@frozen
class SdkOptions:
    """The binding of an SDK token: pages of a web application (`referrer`, a pattern), or a mobile application."""

    referrer: str | None = None
    application_id: str | None = None
    cross_device_url: str | None = None
