"""The input of one run, from the provider's configuration and the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Any

from connector.domain.claims import CONSENTS
from connector.domain.frozen import frozen
from connector.domain.studio.capture import LANGUAGES, LINK, SDK, LinkOptions, SdkOptions
from connector.domain.studio.custom_data import check_given, custom_data
from connector.domain.studio.studio import LONGEST_LINK, Studio, tag_objection
from connector.errors import InvalidField


@frozen
class RunRequest:
    """The parts of a request besides its claims; None or empty means the provider's configuration.

    `given` has the custom input data by name, as text; `lifetime` is the link's, in seconds. `own_page` is a page of
    the connector, to which the link always may redirect.
    """

    tags: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    consents: tuple[str, ...] = ()
    capture: str | None = None
    completed_redirect_url: str | None = None
    expired_redirect_url: str | None = None
    lifetime: int | None = None
    language: str | None = None
    referrer: str | None = None
    application_id: str | None = None
    own_page: str | None = None


@frozen
class RunPlan:
    """The plan of a run: its start, and the user's way of capture, by `link` or otherwise by SDK.

    `sdk` is None if the run's own token is sufficient.
    """

    studio: Studio = field(default_factory=Studio)
    tags: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    consents: Mapping[str, str] = field(default_factory=dict)
    link: LinkOptions | None = None
    sdk: SdkOptions | None = None

    @property
    def capture(self) -> str:
        """The way in which the user goes through capture."""
        return SDK if self.link is None else LINK

    def custom_data(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Create the custom input data from the user's values by claim; raises `RequestError`."""
        return custom_data(self.studio.custom_data, self.given, values)


def plan_run(studio: Studio, request: RunRequest, now: datetime) -> RunPlan:
    """Plan a run; raises `InvalidField` naming the invalid property of the request."""
    tags = tuple(dict.fromkeys((*studio.tags, *request.tags)))
    if why := tag_objection(tags):
        raise _refused("tags", why)
    check_given(studio.custom_data, request.given)
    if unknown := [name for name in request.consents if name not in CONSENTS]:
        raise _refused("consents", f"must be of {', '.join(CONSENTS)}, not {unknown[0]}")
    capture = request.capture or studio.capture
    if capture not in (SDK, LINK):
        raise _refused("capture", f"must be {SDK} or {LINK}")
    return RunPlan(
        studio=studio,
        tags=tags,
        given=request.given,
        consents={f"consents.{name}": "true" for name in request.consents},
        link=_link(studio, request, now) if capture == LINK else None,
        sdk=plan_sdk(studio, request),
    )


def plan_sdk(studio: Studio, request: RunRequest) -> SdkOptions | None:
    """Return the binding of an SDK token; None if it is not bound.

    A request may add a binding if the provider has none, but may not change the provider's. Raises `InvalidField`.
    """
    if request.referrer is not None and request.application_id is not None:
        raise _refused(
            "application_id", "must not be given with a referrer: a token is for an application or for web pages"
        )
    bound, asked = studio.sdk, SdkOptions(request.referrer, request.application_id)
    is_bound = bound.referrer is not None or bound.application_id is not None
    for name in ("referrer", "application_id"):
        if is_bound and getattr(asked, name) not in (None, getattr(bound, name)):
            raise _refused(name, "must be left out or equal to the provider's, whose own binding applies")
    options = replace(bound if is_bound else asked, cross_device_url=bound.cross_device_url)
    return None if options == SdkOptions() else options


def _link(studio: Studio, request: RunRequest, now: datetime) -> LinkOptions:
    for name in ("completed_redirect_url", "expired_redirect_url"):
        asked = getattr(request, name)
        if asked is not None and asked not in studio.link.redirect_urls:
            raise _refused(name, "must be one of the URLs that the provider allows")
    if request.language is not None and request.language not in LANGUAGES:
        raise _refused("language", f"must be one of {', '.join(LANGUAGES)}")
    if request.lifetime is not None and not 1 <= request.lifetime <= LONGEST_LINK:
        raise _refused("link_lifetime", f"must be a number of seconds from 1 to {LONGEST_LINK}")
    lifetime = request.lifetime or studio.link.lifetime
    return LinkOptions(
        completed_redirect_url=request.own_page or request.completed_redirect_url or studio.link.completed_redirect_url,
        expired_redirect_url=request.own_page or request.expired_redirect_url or studio.link.expired_redirect_url,
        expires_at=None if lifetime is None else now + timedelta(seconds=lifetime),
        language=request.language or studio.link.language,
    )


def _refused(name: str, why: str) -> InvalidField:
    return InvalidField(f"properties: {name}", why)
