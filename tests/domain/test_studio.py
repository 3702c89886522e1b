"""A provider's Studio settings: a configuration that could never work is refused by its field."""

from __future__ import annotations

import pytest

from connector.domain.studio.capture import LANGUAGES, LINK, SdkOptions
from connector.domain.studio.custom_data import CustomInput, InputType
from connector.domain.studio.pointers import MAX_LENGTH
from connector.domain.studio.studio import (
    LONGEST_LINK,
    MANUAL_REVIEW,
    MAX_TAGS,
    RESULT_EVENT,
    TASK_EVENT,
    WATCHLIST_EVENT,
    LinkDefaults,
    Notices,
    OutputClaim,
    OutputRole,
    Studio,
    StudioPolicy,
    check_studio,
)
from connector.domain.studio.workflow_run import TAG_PREFIX
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

DONE = "https://app.example.com/done"
NOTICES = "https://app.example.com/notices"
POLICY = StudioPolicy(UrlPolicy({"app.example.com"}, setting="allowed_notice_hosts"), UrlPolicy(None))
FULL = Studio(
    tags=("one", "Zwei Wörter", "x" * 128),
    sends_user_id=True,
    custom_data=(CustomInput("risk", InputType.STRING, value="high"), CustomInput("age", InputType.NUMBER)),
    output_claims=(OutputClaim("/document_report/result", "urn:document", OutputRole.RESULT),),
    gives_document_values=True,
    capture=LINK,
    link=LinkDefaults((DONE, "https://other.example/"), DONE, None, LONGEST_LINK, LANGUAGES[1]),
    sdk=SdkOptions("https://*.example.com/*", None, "https://id.example.com/x"),
    notices=Notices(NOTICES, ("collect_salary", "task-2.x:y")),
    unverifies_on_match=True,
)


def test_empty_and_complete_studio_settings_are_accepted() -> None:
    check_studio(Studio(), POLICY, has_notice_secret=False)
    check_studio(FULL, POLICY, has_notice_secret=True)
    check_studio(Studio(tags=tuple(map(str, range(MAX_TAGS)))), POLICY, has_notice_secret=False)


def twice(name: str) -> tuple[CustomInput, ...]:
    return (CustomInput(name, InputType.STRING), CustomInput(name, InputType.NUMBER))


def outputs(*pairs: tuple[str, str]) -> tuple[OutputClaim, ...]:
    return tuple(OutputClaim(pointer, uri, OutputRole.VALUE) for pointer, uri in pairs)


@pytest.mark.parametrize(
    ("studio", "where"),
    [
        (Studio(tags=tuple(map(str, range(MAX_TAGS + 1)))), "tags"),
        *((Studio(tags=(tag,)), "tags") for tag in ("", "x" * 129, "a,b", "a\nb", "a\0b")),
        (Studio(tags=(f"{TAG_PREFIX}of-another-run",)), "tags"),
        (Studio(custom_data=twice("risk")), "customData"),
        (Studio(custom_data=(CustomInput("risk level", InputType.STRING),)), "customData"),
        (Studio(custom_data=(CustomInput("risk", InputType.NUMBER, value="high"),)), "customData"),
        (Studio(output_claims=outputs(("/a", "urn:x"), ("/b", "urn:x"))), "outputClaims"),
        *((Studio(output_claims=outputs((text, "urn:x"))), "outputClaims") for text in ("", "a/b", "/~2")),
        (Studio(output_claims=outputs(("/" * (MAX_LENGTH + 1), "urn:x"))), "outputClaims"),
        (Studio(output_claims=outputs(("/a", " "))), "outputClaims.localClaim"),
        (Studio(capture="webview"), "capture"),
        (Studio(link=LinkDefaults(("http://app.example.com/",))), "link.redirectUrls"),
        (Studio(link=LinkDefaults(("https://user@app.example.com/",))), "link.redirectUrls"),
        (Studio(link=LinkDefaults((DONE,), f"{DONE}?")), "link.completedRedirectUrl"),
        (Studio(link=LinkDefaults((), None, DONE)), "link.expiredRedirectUrl"),
        *((Studio(link=LinkDefaults(lifetime=seconds)), "link.lifetime") for seconds in (-1, 0, LONGEST_LINK + 1)),
        *((Studio(link=LinkDefaults(language=text)), "link.language") for text in ("", "en", "en_us", "xx_XX")),
        (Studio(sdk=SdkOptions("https://*.example.com/*", "com.example.app")), "sdk"),
        (Studio(sdk=SdkOptions(" ")), "sdk.referrer"),
        (Studio(sdk=SdkOptions(None, "")), "sdk.applicationId"),
        (Studio(sdk=SdkOptions(None, None, "http://id.example.com")), "sdk.crossDeviceUrl"),
        (Studio(notices=Notices("https://evil.example/notices")), "notices.url"),
        (Studio(notices=Notices(None, ("collect_salary",))), "notices.tasks"),
        *((Studio(notices=Notices(NOTICES, (task,))), "notices.tasks") for task in ("", "a b", "x" * 65, "é")),
    ],
)
def test_invalid_studio_is_refused_with_its_field(studio: Studio, where: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_studio(studio, POLICY, has_notice_secret=True)
    assert refused.value.description.startswith(f"studio.{where}: ")


def test_notices_need_a_secret_for_signatures() -> None:
    with pytest.raises(InvalidField, match=r"studio\.notices\.url: .*notice_secret"):
        check_studio(Studio(notices=Notices(NOTICES)), POLICY, has_notice_secret=False)


@pytest.mark.parametrize(
    ("studio", "told", "events"),
    [
        (Studio(), (False, False), (RESULT_EVENT,)),
        (Studio(), (True, False), (RESULT_EVENT, TASK_EVENT)),
        (Studio(), (False, True), (RESULT_EVENT, WATCHLIST_EVENT)),
        (Studio(unverifies_on_match=True), (False, False), (RESULT_EVENT, WATCHLIST_EVENT)),
        (Studio(notices=Notices(NOTICES)), (False, False), (RESULT_EVENT, TASK_EVENT, WATCHLIST_EVENT)),
    ],
)
def test_the_webhooks_events_are_those_in_use(studio: Studio, told: tuple[bool, bool], events: tuple[str, ...]) -> None:
    assert studio.events(notifies_of_tasks=told[0], notifies_of_matches=told[1]) == events


def test_the_application_is_notified_of_decisions_and_chosen_tasks() -> None:
    assert FULL.notifies("collect_salary")
    assert FULL.notifies(MANUAL_REVIEW)
    assert not FULL.notifies("document_check")
    assert not FULL.notifies(None)
    assert not Studio().notifies(MANUAL_REVIEW)


def test_output_properties_are_found_by_their_claims() -> None:
    assert FULL.by_claim == {"urn:document": FULL.output_claims[0]}


def test_a_report_that_monitors_do_not_have_is_refused() -> None:
    with pytest.raises(InvalidField, match="watchlistMonitor: must be watchlist_"):
        check_studio(Studio(watchlist_monitor="watchlist_of_everybody"), POLICY, has_notice_secret=False)
