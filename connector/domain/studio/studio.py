"""The features of Onfido Studio that a provider uses, and their validation.

Limits are those of Onfido's API v3.6 (`workflow_run_shared`, `workflow_run_link`, `sdk_token_request`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field

from connector.domain.claims import MAX_CLAIM
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.notices import task_objection
from connector.domain.stored import StoredEnum
from connector.domain.studio.capture import LANGUAGES, LINK, SDK, SdkOptions
from connector.domain.studio.custom_data import CustomInput
from connector.domain.studio.pointers import is_pointer
from connector.domain.studio.watchlist import REPORTS
from connector.domain.studio.workflow_run import TAG_PREFIX
from connector.domain.text import is_blank, is_line
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

MAX_TAGS = 29  # Onfido accepts 30; one is the verification's own
MAX_TAG_LENGTH = 128
LONGEST_LINK = 366 * 86_400  # seconds
RESULT_EVENT = "workflow_run.completed"
TASK_EVENT = "workflow_task.started"
WATCHLIST_EVENT = "watchlist_monitor.matches_updated"
MANUAL_REVIEW = "manual_case_review"  # the task definition of a manual decision in Onfido's dashboard


class OutputRole(StoredEnum):
    """The meaning of a property of the workflow's output for a claim."""

    VALUE = "value"  # the verified value
    RESULT = "result"  # the result: whether the claim is verified


@frozen
class OutputClaim:
    """A property of the workflow's output, by its JSON Pointer (RFC 6901), and the claim that it belongs to."""

    pointer: str
    uri: str
    role: OutputRole


@frozen
class LinkDefaults:
    """The options of Smart Capture Links; a request may choose among `redirect_urls`; `lifetime` is in seconds."""

    redirect_urls: tuple[str, ...] = ()
    completed_redirect_url: str | None = None
    expired_redirect_url: str | None = None
    lifetime: int | None = None
    language: str | None = None


@frozen
class Notices:
    """The address of notices, and the Send/Receive Data tasks to notify of, by their definition's id."""

    url: str | None = None
    tasks: tuple[str, ...] = ()


@frozen
class Studio:
    """The features that a provider uses beyond an applicant and a run; none by default.

    `watchlist_monitor` is the report of the monitors of verified users; None: users are not monitored.
    """

    tags: tuple[str, ...] = ()
    sends_user_id: bool = False
    custom_data: tuple[CustomInput, ...] = ()
    output_claims: tuple[OutputClaim, ...] = ()
    gives_document_values: bool = False
    capture: str = SDK
    link: LinkDefaults = field(default_factory=LinkDefaults)
    sdk: SdkOptions = field(default_factory=SdkOptions)
    notices: Notices = field(default_factory=Notices)
    unverifies_on_match: bool = False
    watchlist_monitor: str | None = None

    def events(self, *, notifies_of_tasks: bool, notifies_of_matches: bool) -> tuple[str, ...]:
        """Return the events to which the webhook must be subscribed, including those of further endpoints."""
        wants_matches = self.notices.url or self.unverifies_on_match or self.watchlist_monitor or notifies_of_matches
        return (
            RESULT_EVENT,
            *([TASK_EVENT] if self.notices.url or notifies_of_tasks else []),
            *([WATCHLIST_EVENT] if wants_matches else []),
        )

    def notifies(self, task_def_id: str | None) -> bool:
        """Whether a notice is sent when a task of this definition starts."""
        return self.notices.url is not None and (task_def_id == MANUAL_REVIEW or task_def_id in self.notices.tasks)

    @property
    def by_claim(self) -> Mapping[str, OutputClaim]:
        """The output properties by their claims."""
        return {each.uri: each for each in self.output_claims}


@frozen
class StudioPolicy:
    """The addresses that a provider may have: for notices, and for redirects of browsers."""

    notices: UrlPolicy
    browsers: UrlPolicy


def check_studio(studio: Studio, policy: StudioPolicy, *, has_notice_secret: bool) -> None:
    """Raise `InvalidField` for a configuration that could never work, naming the field."""
    for where, why in _objections(studio, policy, has_notice_secret):
        raise InvalidField(f"studio.{where}", why)


def tag_objection(tags: tuple[str, ...]) -> str | None:
    """Return why Onfido would refuse these tags; None if it would not."""
    if len(tags) > MAX_TAGS:
        return message("must be at most %(max_tags)s tags", max_tags=MAX_TAGS)
    if any(not 1 <= len(tag) <= MAX_TAG_LENGTH or not is_line(tag) or "," in tag for tag in tags):
        return message(
            "must each have 1 to %(max_tag_length)s characters, none of them a comma or a control character",
            max_tag_length=MAX_TAG_LENGTH,
        )
    if any(tag.startswith(TAG_PREFIX) for tag in tags):
        return message(
            "must not begin with %(tag_prefix)s: the connector finds its runs by such tags", tag_prefix=TAG_PREFIX
        )
    return None


def _objections(studio: Studio, policy: StudioPolicy, has_notice_secret: bool) -> Iterator[tuple[str, str]]:
    if why := tag_objection(studio.tags):
        yield "tags", why
    yield from _input_objections(studio)
    yield from _output_objections(studio)
    if studio.capture not in (SDK, LINK):
        yield "capture", message("must be %(sdk)s or %(link)s", sdk=SDK, link=LINK)
    yield from _link_objections(studio.link, policy.browsers)
    if studio.sdk.referrer is not None and studio.sdk.application_id is not None:
        yield (
            "sdk",
            message("must have a referrer (for web pages) or an applicationId (for a mobile application), not both"),
        )
    for name, given in (("referrer", studio.sdk.referrer), ("applicationId", studio.sdk.application_id)):
        if given is not None and not given.strip():
            yield f"sdk.{name}", message("must not be empty")
    if (url := studio.sdk.cross_device_url) is not None and (why := policy.browsers.objection(url)):
        yield "sdk.crossDeviceUrl", why
    yield from _notice_objections(studio.notices, policy.notices, has_notice_secret)
    if studio.watchlist_monitor not in (None, *REPORTS):
        yield "watchlistMonitor", message("must be %(reports)s", reports=" or ".join(REPORTS))


def _input_objections(studio: Studio) -> Iterator[tuple[str, str]]:
    names = [each.name for each in studio.custom_data]
    if doubled := {name for name in names if names.count(name) > 1}:
        yield "customData", message("must not name a property twice: %(doubled)s", doubled=", ".join(sorted(doubled)))
    for each in studio.custom_data:
        if why := each.objection():
            yield "customData", f"{each.name}: {why}"


def _output_objections(studio: Studio) -> Iterator[tuple[str, str]]:
    uris = [each.uri for each in studio.output_claims]
    if doubled := {uri for uri in uris if uris.count(uri) > 1}:
        yield "outputClaims", message("must not map a claim twice: %(doubled)s", doubled=", ".join(sorted(doubled)))
    for each in studio.output_claims:
        if is_blank(each.uri):
            yield "outputClaims.localClaim", message("must not be empty")
        elif len(each.uri) > MAX_CLAIM:
            yield "outputClaims.localClaim", message("must have at most %(most)s characters", most=MAX_CLAIM)
        if not is_pointer(each.pointer):
            yield (
                "outputClaims",
                message(
                    "must have JSON Pointers, such as /document_report/result, not %(part)s",
                    part=json.dumps(each.pointer),
                ),
            )


def _link_objections(link: LinkDefaults, policy: UrlPolicy) -> Iterator[tuple[str, str]]:
    for url in link.redirect_urls:
        if why := policy.objection(url):
            yield "link.redirectUrls", why
    for name, chosen in (
        ("completedRedirectUrl", link.completed_redirect_url),
        ("expiredRedirectUrl", link.expired_redirect_url),
    ):
        if chosen is not None and chosen not in link.redirect_urls:
            yield f"link.{name}", message("must be one of redirectUrls")
    if link.lifetime is not None and not 1 <= link.lifetime <= LONGEST_LINK:
        yield (
            "link.lifetime",
            message("must be a number of seconds from 1 to %(longest_link)s", longest_link=LONGEST_LINK),
        )
    if link.language is not None and link.language not in LANGUAGES:
        yield "link.language", message("must be one of %(languages)s", languages=", ".join(LANGUAGES))


def _notice_objections(notices: Notices, policy: UrlPolicy, has_secret: bool) -> Iterator[tuple[str, str]]:
    if notices.url is not None and (why := policy.objection(notices.url)):
        yield "notices.url", why
    if notices.url is not None and not has_secret:
        yield "notices.url", message("must come with the configuration property notice_secret, which signs the notices")
    if notices.url is None and notices.tasks:
        yield "notices.tasks", message("must come with notices.url, to which they are forwarded")
    if why := task_objection(notices.tasks):
        yield "notices.tasks", why
