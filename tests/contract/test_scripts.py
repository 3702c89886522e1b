"""Names in all scripts: verified however documents write them, and returned unchanged."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.bodies import event_body
from tests.contract.studio import ask, read_at_onfido, run_at_onfido, studio_provider
from tests.contract.wire import ALL_SCOPES, PERSON, PROVIDERS, USERS, answer_on, assert_error, entry, new_user
from tests.harness import Caller, World, run_id_of, verified
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING

# The values in the user's directory, and those read from the document.
NAMES = {
    "turkish": ("\u0130brahim I\u015f\u0131k", "\u0130BRAH\u0130M I\u015eIK"),
    "turkish-in-ascii": ("\u0130brahim", "IBRAHIM"),
    "greek": ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"),
    "vietnamese": ("Nguy\u1ec5n Th\u1ecb", unicodedata.normalize("NFD", "NGUY\u1ec4N TH\u1eca")),
    "korean": ("\uae40\ubbfc\uc900", unicodedata.normalize("NFD", "\uae40\ubbfc\uc900")),
    "japanese": ("\u5c71\u7530 \u592a\u90ce", "\u5c71\u7530\u3000\u592a\u90ce"),
    "persian": ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
    "sinhala": ("\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0dc1\u0dca\u200d\u0dbb\u0dd3"),
    "hebrew": ("\u05d3\u05d5\u05d3", "\u200f\u05d3\u05d5\u05d3\u200f"),
    "hindi": ("\u0915\u094d\u0937\u0947\u092e\u0902", "\u0915\u094d\u200d\u0937\u0947\u092e\u0902"),
    "french": ("Jean Pierre", "JEAN\u00a0PIERRE"),
    "german": ("Gro\u00df", "GROSS"),
    "two-lines": ("Anna Maria", "ANNA\nMARIA"),
}
URIS = {name: f"urn:name:{name}" for name in NAMES}


def outputs(**names: str) -> list[dict[str, str]]:
    return [{"pointer": f"/{name}", "localClaim": uri, "as": "value"} for name, uri in names.items()]


@pytest.fixture(scope="module")
def provider_id(shared: World) -> str:
    return studio_provider(shared, MAPPING, outputClaims=outputs(**URIS), documentValues=True)


def end(world: World, provider_id: str, me: Caller, output: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Start a run and end it at Onfido with this output."""
    run_id = run_id_of(ask(me, provider_id))
    assert world.post_event(event_body(run_id, output=output), provider_id=provider_id).status_code == 200
    return me.claims()


CLEAR = {"data_comparison": {"first_name": {"result": "clear"}, "last_name": {"result": "clear"}}}


def test_a_name_is_verified_in_any_spelling_and_returned_as_read(shared: World, provider_id: str) -> None:
    _, me = new_user(shared, PERSON | {URIS[name]: value for name, (value, _) in NAMES.items()})

    claims = end(shared, provider_id, me, CLEAR | {name: read for name, (_, read) in NAMES.items()})

    assert {name for name, uri in URIS.items() if uri in verified(claims)} == set(NAMES)
    assert {name: claims[uri]["claimMetadata"]["onfido_output_value"] for name, uri in URIS.items()} == {
        name: read for name, (_, read) in NAMES.items()
    }


def test_another_name_differs_and_a_name_with_control_characters_is_not_read(shared: World, provider_id: str) -> None:
    _, me = new_user(shared, PERSON | {URIS["greek"]: "\u03a3\u03af\u03bc\u03bf\u03c2", URIS["french"]: "Jean"})

    claims = end(
        shared, provider_id, me, CLEAR | {"greek": NAMES["greek"][1], "french": "Jean\x07", "german": "\ud800"}
    )

    reasons = {uri: claim["claimMetadata"]["onfido_verification_status"] for uri, claim in claims.items()}
    assert (reasons[URIS["greek"]], reasons[URIS["french"]], reasons[URIS["german"]]) == (
        "differs",
        "not_compared",
        "not_compared",
    )


def test_document_values_are_returned_in_any_script(shared: World, provider_id: str) -> None:
    _, me = new_user(shared)
    properties = {
        "first_name": NAMES["persian"][1],
        "middle_name": NAMES["sinhala"][1],
        "last_name": "DE\u00a0LA\nCRUZ",
    }
    unusable = {"gender": "F\x07", "issuing_country": "\ud800"}
    report = {"name": "document", "breakdown": CLEAR, "properties": properties | unusable}

    claims = end(shared, provider_id, me, {"report": report})

    assert claims[GIVEN_NAME]["claimMetadata"]["onfido_document"] == properties


@pytest.mark.parametrize(
    "tag",
    [
        "\U0001f469\u200d\U0001f4bb",
        "caf\u00e9\u00a0cr\u00e8me",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\u200fdavid",
    ],
)
def test_a_tag_may_contain_any_character_except_control_characters(shared: World, provider_id: str, tag: str) -> None:
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id, properties={"tags": f"plain, {tag}"}))

    assert tag in run_at_onfido(shared, run_id)["tags"]
    admin = shared.connector.as_admin(scopes=ALL_SCOPES)
    found = answer_on(admin.get(f"{PROVIDERS}/{provider_id}/verifications", params={"tag": tag}), 200)
    assert [run["runId"] for run in found["verifications"]] == [run_id]


def test_a_tag_set_by_the_workflow_is_kept_in_any_script(shared: World, provider_id: str) -> None:
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))
    event = event_body(run_id, output=CLEAR, tags=["\U0001f469\u200d\U0001f4bb", "two\nlines", "bell\x07"])
    assert shared.post_event(event, provider_id=provider_id).status_code == 200

    admin = shared.connector.as_admin(scopes=ALL_SCOPES)
    run = answer_on(admin.get(f"{PROVIDERS}/{provider_id}/verifications/{run_id}"), 200)
    assert run["tags"] == ["\U0001f469\u200d\U0001f4bb"]


@pytest.mark.parametrize("tag", ["bell\x07", "two\nlines", "tab\tbed", "\x85"])
@pytest.mark.one_database
def test_a_tag_with_a_control_character_is_refused(shared: World, provider_id: str, tag: str) -> None:
    _, me = new_user(shared)
    assert_error(ask(me, provider_id, properties={"tags": f"a{tag}b"}), 400, "IDV-10005", "tags")


# One value in several normal forms

FORMS = {
    GIVEN_NAME: "Jos\u00e9 Nguy\u1ec5n",
    LAST_NAME: "\uae40\ubbfc\uc900 \u0391\u0301\u03bb\u03c6\u03b1",
    "http://wso2.org/claims/dob": "1990-01-01",
}


def in_form(form: str) -> dict[str, str]:
    return {uri: unicodedata.normalize(form, value) for uri, value in FORMS.items()}  # type: ignore[arg-type]


def change(world: World, user_id: str, form: str) -> None:
    world.connector.services.users.change(Tenant(world.tenant), user_id, in_form(form))


@pytest.mark.parametrize(("before", "after"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_another_normal_form_is_no_change_before_during_and_after_a_run(shared: World, before: str, after: str) -> None:
    user_id, me = new_user(shared, in_form(before))
    run_id = shared.start(me)
    change(shared, user_id, after)
    shared.outcome(run_id)
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)
    assert verified(me.claims()) == set(MAPPING)

    for form in (before, after):
        change(shared, user_id, form)
        assert not shared.put_user(user_id, in_form(form))
        assert verified(me.claims()) == set(MAPPING)
        assert_error(me.verify(shared.provider_id, "INITIATED"), 400, "OIDV-10049")

    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {GIVEN_NAME: "Jose Nguyen"})
    assert verified(me.claims()) == set(MAPPING) - {GIVEN_NAME}


def test_an_administrators_correction_applies_to_every_normal_form(shared: World) -> None:
    user_id, me = new_user(shared, in_form("NFC"))
    admin = shared.connector.as_admin()
    [claim] = answer_on(admin.post(f"{USERS}/{user_id}/idv/claims", [entry(shared.provider_id)]), 201)
    change(shared, user_id, "NFD")
    assert verified(me.claims()) == {GIVEN_NAME}

    body = {"isVerified": True, "claimMetadata": {}}
    answer_on(admin.put(f"{USERS}/{user_id}/idv/claims/{claim['id']}", body), 200)
    change(shared, user_id, "NFC")
    assert verified(me.claims()) == {GIVEN_NAME}


def test_a_run_in_review_is_decided_for_a_value_in_another_normal_form(shared: World) -> None:
    user_id, me = new_user(shared, in_form("NFD"))
    run_id = shared.start(me)
    shared.outcome(run_id, status="review")
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)
    change(shared, user_id, "NFC")

    admin = shared.connector.as_admin(scopes=ALL_SCOPES)
    body = {"decision": "approve", "reason": "The passport was shown at the desk."}
    answer = admin.post(f"{PROVIDERS}/{shared.provider_id}/verifications/{run_id}/decision", body)
    assert answer.ok, answer.text

    assert verified(me.claims()) == set(MAPPING)


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0", "\u3000\u2003", "\u200b", "\u200f"])
@pytest.mark.one_database
def test_a_blank_value_counts_as_missing(shared: World, blank: str) -> None:
    _, me = new_user(shared, PERSON | {GIVEN_NAME: blank})

    assert_error(me.verify(shared.provider_id, "INITIATED"), 400, "OIDV-10002", GIVEN_NAME)


def test_a_value_that_becomes_blank_is_no_longer_verified(shared: World) -> None:
    user_id, me = new_user(shared)
    shared.outcome(shared.start(me))
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)

    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {GIVEN_NAME: "\u3000"})

    assert verified(me.claims()) == set(MAPPING) - {GIVEN_NAME}


def test_values_are_sent_in_composed_form_with_plain_spaces(shared: World) -> None:
    values = in_form("NFD") | {GIVEN_NAME: "\u3000Jose\u0301\u00a0\tNguye\u0302\u0303n\u2003"}
    _, me = new_user(shared, values)
    run_id = shared.start(me)

    applicant = applicant_at_onfido(shared, run_id)

    assert (applicant["first_name"], applicant["last_name"]) == ("Jos\u00e9 Nguy\u1ec5n", in_form("NFC")[LAST_NAME])


def applicant_at_onfido(world: World, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = read_at_onfido(world, "applicants", run_at_onfido(world, run_id)["applicant_id"])
    return found
