"""The input of one run: the provider's settings, the request's options, and forbidden options."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.domain.studio.capture import LINK, SDK, LinkOptions, SdkOptions
from connector.domain.studio.custom_data import CustomInput, InputType
from connector.domain.studio.studio import LONGEST_LINK, LinkDefaults, Studio
from connector.domain.studio.workflow_input import RunRequest, plan_run, plan_sdk
from connector.domain.studio.workflow_run import TAG_PREFIX
from connector.errors import InvalidField

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DONE, EXPIRED, OTHER = (f"https://app.example.com/{name}" for name in ("done", "expired", "other"))
STUDIO = Studio(
    tags=("ours", "both"),
    custom_data=(CustomInput("risk", InputType.STRING, value="high"), CustomInput("age", InputType.NUMBER)),
    link=LinkDefaults((DONE, EXPIRED, OTHER), DONE, EXPIRED, 3600, "de_DE"),
    sdk=SdkOptions(referrer="https://*.example.com/*"),
)
REQUEST = RunRequest(given={"age": "18"})


def refusal(request: RunRequest, studio: Studio = STUDIO) -> str:
    with pytest.raises(InvalidField) as refused:
        plan_run(studio, request, NOW)
    return refused.value.description


def test_unused_features_change_nothing() -> None:
    plan = plan_run(Studio(), RunRequest(), NOW)

    assert (plan.tags, plan.consents, plan.link, plan.sdk, plan.capture) == ((), {}, None, None, SDK)
    assert plan.custom_data({"urn:x": "y"}) == {}


def test_tags_of_provider_and_request_are_sent_once_each() -> None:
    assert plan_run(STUDIO, replace(REQUEST, tags=("both", "theirs")), NOW).tags == ("ours", "both", "theirs")


@pytest.mark.parametrize(
    "tags", [tuple(map(str, range(28))), ("x" * 129,), ("a\nb",), (f"{TAG_PREFIX}{'0' * 8}",), ("",)]
)
def test_tags_refused_by_onfido_and_those_of_the_connector_are_refused(tags: tuple[str, ...]) -> None:
    assert refusal(replace(REQUEST, tags=tags)).startswith("properties: tags: ")


def test_input_consists_of_constants_and_given_values() -> None:
    assert plan_run(STUDIO, REQUEST, NOW).custom_data({}) == {"risk": "high", "age": 18}


@pytest.mark.parametrize("given", [{}, {"age": "old"}, {"age": "18", "risk": "low"}, {"age": "18", "x": ""}])
def test_invalid_input_is_refused_before_a_run_is_started(given: dict[str, str]) -> None:
    assert refusal(RunRequest(given=given)).startswith("properties: custom_data.")


def test_consents_are_granted_by_name() -> None:
    plan = plan_run(STUDIO, replace(REQUEST, consents=("privacy_notices_read", "ssn_verification")), NOW)

    assert plan.consents == {"consents.privacy_notices_read": "true", "consents.ssn_verification": "true"}
    assert refusal(replace(REQUEST, consents=("everything",))).endswith("not everything.")


def test_a_link_has_the_providers_options() -> None:
    plan = plan_run(replace(STUDIO, capture=LINK), REQUEST, NOW)

    assert plan.capture == LINK
    assert plan.link == LinkOptions(DONE, EXPIRED, NOW + timedelta(hours=1), "de_DE")


def test_a_request_chooses_capture_and_link_options() -> None:
    asked = replace(REQUEST, capture=LINK, completed_redirect_url=OTHER, lifetime=60, language="fr_FR")

    assert plan_run(STUDIO, asked, NOW).link == LinkOptions(OTHER, EXPIRED, NOW + timedelta(minutes=1), "fr_FR")
    assert plan_run(replace(STUDIO, capture=LINK), replace(REQUEST, capture=SDK), NOW).link is None


def test_a_link_without_options_has_onfidos_defaults() -> None:
    assert plan_run(Studio(capture=LINK), RunRequest(), NOW).link == LinkOptions()


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("capture", {"capture": "webview"}),
        ("completed_redirect_url", {"completed_redirect_url": f"{DONE}/"}),
        ("completed_redirect_url", {"completed_redirect_url": "https://evil.example/"}),
        ("expired_redirect_url", {"expired_redirect_url": "javascript:alert(1)"}),
        ("link_lifetime", {"lifetime": 0}),
        ("link_lifetime", {"lifetime": LONGEST_LINK + 1}),
        ("language", {"language": "en"}),
        ("application_id", {"referrer": "https://a.example/*", "application_id": "com.example.app"}),
    ],
)
def test_a_forbidden_option_of_a_request_is_named(name: str, asked: dict[str, Any]) -> None:
    studio = STUDIO if name == "capture" else replace(STUDIO, capture=LINK)

    assert refusal(replace(REQUEST, **asked), studio).startswith(f"properties: {name}: ")


@pytest.mark.parametrize(
    ("asking", "options"),
    [
        (RunRequest(), SdkOptions("https://*.example.com/*")),
        (RunRequest(referrer="https://*.example.com/*"), SdkOptions("https://*.example.com/*")),
    ],
)
def test_a_token_is_bound_as_configured(asking: RunRequest, options: SdkOptions) -> None:
    assert plan_sdk(STUDIO, asking) == options
    crossing = replace(STUDIO, sdk=replace(STUDIO.sdk, cross_device_url=OTHER))
    assert plan_sdk(crossing, asking) == replace(options, cross_device_url=OTHER)


@pytest.mark.parametrize(
    ("asking", "options"),
    [
        (RunRequest(referrer="https://one.example/*"), SdkOptions("https://one.example/*")),
        (RunRequest(application_id="com.example.app"), SdkOptions(None, "com.example.app")),
    ],
)
def test_a_request_may_set_a_binding_that_the_provider_lacks(asking: RunRequest, options: SdkOptions) -> None:
    assert plan_sdk(Studio(), asking) == options


@pytest.mark.parametrize("bound", [SdkOptions("https://*.example.com/*"), SdkOptions(None, "com.example.web")])
@pytest.mark.parametrize("asked", [{"referrer": "https://one.example/*"}, {"application_id": "com.example.app"}])
def test_a_request_may_not_loosen_a_binding(bound: SdkOptions, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as refused:
        plan_sdk(replace(STUDIO, sdk=bound), RunRequest(**asked))
    assert refused.value.description.startswith(f"properties: {next(iter(asked))}: ")


def test_an_unbound_token_is_not_requested_separately() -> None:
    assert plan_sdk(Studio(), RunRequest()) is None
