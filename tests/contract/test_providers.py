"""Providers: registered, listed, changed and removed; no answer contains their secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from connector.domain.claims import APPLICANT_FIELDS
from tests.bodies import API_TOKEN, WORKFLOW_ID, config_properties, event_body, provider_body, sign
from tests.contract.wire import (
    MASK,
    PROVIDERS,
    UNKNOWN_ID,
    WEBHOOK_TOKEN,
    answer_on,
    assert_error,
    assert_provider,
    further,
    new_provider,
    new_user,
)
from tests.harness import Caller, World
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

REGIONS = [f"https://api.{region}.onfido.com/v3.6" for region in ("eu", "us", "ca")]


def property_of(body: dict[str, Any], key: str) -> dict[str, Any] | None:
    """Return one configuration property of an answered provider."""
    return next((item for item in body["configProperties"] if item["key"] == key), None)


def mapping(**changes: str | None) -> list[dict[str, str | None]]:
    """Make a mapping of the two names and `changes`, by the last part of the claim's URI; None leaves one out."""
    names = {"givenname": "first_name", "lastname": "last_name"} | changes
    return [
        {"localClaim": f"http://wso2.org/claims/{claim}", "idvpClaim": name} for claim, name in names.items() if name
    ]


# Reading and writing


def test_absent_members_have_defaults(shared: World, admin: Caller) -> None:
    body = provider_body(shared.simulator, name="Sparse")
    for name in ("description", "image"):
        body.pop(name, None)
    body["configProperties"] = config_properties(shared.simulator, base_url=None)

    answered = answer_on(admin.post(PROVIDERS, body), 201)

    assert_provider(answered)
    assert (answered["description"], answered["image"]) == ("", "")
    assert property_of(answered, "base_url") == {"key": "base_url", "value": REGIONS[0], "isSecret": False}
    assert property_of(answered, "webhook_token") is None


def test_put_replaces_everything_but_the_secrets(shared: World, admin: Caller) -> None:
    provider_id = new_provider(shared, description="before", image="before")
    workflow_id = "aaaaaaaa-6a7e-4a6a-9d3b-0c5de0f0a001"
    properties = config_properties(shared.simulator, token=None, workflow_id=workflow_id, base_url=REGIONS[2])
    body = {
        "type": "ONFIDO",
        "name": "After",
        "isEnabled": False,
        "claims": mapping(email="email"),
        "configProperties": properties,
    }

    put = answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body), 200)

    assert_provider(put)
    assert {name: put[name] for name in ("id", "name", "description", "image", "isEnabled")} == {
        "id": provider_id,
        "name": "After",
        "description": "",
        "image": "",
        "isEnabled": False,
    }
    assert put["claims"] == mapping(email="email")
    assert property_of(put, "workflow_id") == {"key": "workflow_id", "value": workflow_id, "isSecret": False}
    assert property_of(put, "base_url") == {"key": "base_url", "value": REGIONS[2], "isSecret": False}
    assert property_of(put, "token") == {"key": "token", "value": MASK, "isSecret": True}
    assert answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200) == put


def test_refused_change_changes_nothing(shared: World, admin: Caller) -> None:
    provider_id = new_provider(shared)
    before = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)
    body = before | {"description": "after", "claims": mapping(dob="birthday")}

    assert_error(admin.put(f"{PROVIDERS}/{provider_id}", body), 400, "IDVP-60002")

    assert answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200) == before


def test_text_beyond_ascii_is_returned_unchanged(shared: World, admin: Caller) -> None:
    name, description = "Prüfung 身分確認 🪪", "“quoted” <b>\\ %_'; --"
    body = provider_body(shared.simulator, name=name, description=description)

    answered = answer_on(admin.post(PROVIDERS, body), 201)

    assert (answered["name"], answered["description"]) == (name, description)


def test_the_provider_type_is_case_insensitive(shared: World, admin: Caller) -> None:
    body = provider_body(shared.simulator, name="In lower case", type="onfido")

    assert answer_on(admin.post(PROVIDERS, body), 201)["type"] == "ONFIDO"


def test_removing_a_provider_removes_its_claims(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    provider_id = new_provider(shared)
    assert me.verify(provider_id, "INITIATED").status_code == 200

    removed = admin.request("DELETE", f"{PROVIDERS}/{provider_id}")

    assert (removed.status_code, removed.content) == (204, b"")
    assert me.claims() == {}


# Names


def test_the_name_of_a_removed_provider_is_free_again(shared: World, admin: Caller) -> None:
    first = new_provider(shared, name="Recycled")
    assert_error(admin.post(PROVIDERS, provider_body(shared.simulator, name="Recycled")), 409, "IDVP-60001")

    admin.request("DELETE", f"{PROVIDERS}/{first}")

    assert admin.post(PROVIDERS, provider_body(shared.simulator, name="Recycled")).status_code == 201


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Onfido Live", "ONFIDO live"),
        ("Prüfung", "PRÜFUNG"),
        ("Ελληνικός", "ΕΛΛΗΝΙΚΌΣ"),
        ("Проверка", "ПРОВЕРКА"),
        ("Straße", "STRASSE"),
        ("Caf\u00e9", "CAFE\u0301"),
        ("two  words", "Two Words"),
    ],
)
def test_a_name_is_taken_regardless_of_case(shared: World, admin: Caller, name: str, other: str) -> None:
    provider_id = new_provider(shared, name=name)
    another = new_provider(shared)
    body = provider_body(shared.simulator, name=other)

    assert_error(admin.post(PROVIDERS, body), 409, "IDVP-60001", "name")
    assert_error(admin.put(f"{PROVIDERS}/{another}", body), 409, "IDVP-60001", "name")
    assert answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body), 200)["name"] == other


def test_names_swapped_concurrently_are_conflicts(shared: World, admin: Caller) -> None:
    names = [f"Swap {letter}" for letter in "abc"]
    ids = [new_provider(shared, name=name) for name in names]
    bodies = [provider_body(shared.simulator, name=name) for name in (*names[1:], names[0])]

    for _ in range(10):
        with ThreadPoolExecutor(len(ids)) as pool:
            answers = list(pool.map(lambda at: admin.put(f"{PROVIDERS}/{ids[at]}", bodies[at]), range(len(ids))))
        assert [answer.status_code for answer in answers] == [409] * len(ids), [answer.text for answer in answers]


def test_a_provider_may_keep_its_own_name(shared: World, admin: Caller) -> None:
    provider_id = new_provider(shared, name="Itself")

    assert admin.put(f"{PROVIDERS}/{provider_id}", provider_body(shared.simulator, name="Itself")).status_code == 200


def test_a_name_is_taken_only_in_its_tenant(shared: World) -> None:
    new_provider(shared, name="Everywhere")
    body = provider_body(shared.simulator, name="Everywhere")

    assert shared.connector.as_admin("other.example").post(PROVIDERS, body).status_code == 201


# Secrets


@pytest.fixture
def answers(admin: Caller) -> Iterator[list[requests.Response]]:
    """The answers in a test, which must not contain a secret."""
    collected: list[requests.Response] = []
    yield collected
    assert collected
    for answer in collected:
        for secret in (API_TOKEN, WEBHOOK_TOKEN, "rotated-api-secret", "rotated-webhook-secret"):
            assert secret not in answer.text
            assert secret not in str(answer.headers)


def test_no_answer_contains_the_secrets(shared: World, admin: Caller, answers: list[requests.Response]) -> None:
    secrets = {"token": API_TOKEN, "webhook_token": WEBHOOK_TOKEN}
    disguised = [item | {"isSecret": False} for item in config_properties(shared.simulator, **secrets)]
    body = provider_body(shared.simulator, name="Keeps secrets", configProperties=disguised)
    answers.append(admin.post(PROVIDERS, body))
    answered = answer_on(answers[0], 201)
    path = f"{PROVIDERS}/{answered['id']}"

    answers += [admin.post(PROVIDERS, body), admin.get(path), admin.put(path, body), admin.get(f"{path}/setup-guide")]
    answers += [admin.get(f"{PROVIDERS}?limit=1000"), admin.put(path, body | {"claims": []})]
    answers.append(admin.put(path, body | {"configProperties": [*disguised, {"key": API_TOKEN[:40], "value": 5}]}))

    assert [answer.status_code for answer in answers] == [201, 409, 200, 200, 200, 200, 400, 400]
    assert property_of(answered, "token") == {"key": "token", "value": MASK, "isSecret": True}
    assert property_of(answered, "webhook_token") == {"key": "webhook_token", "value": MASK, "isSecret": True}


@pytest.mark.parametrize("wrong", ["tökén-of-a-secret", "line\nbreak-of-secret", "ta\tb-within-a-secret"])
@pytest.mark.parametrize("key", ["token", "webhook_token"])
@pytest.mark.one_database
def test_an_invalid_secret_is_refused_and_not_repeated(shared: World, admin: Caller, key: str, wrong: str) -> None:
    body = provider_body(shared.simulator, configProperties=config_properties(shared.simulator, **{key: wrong}))

    description = assert_error(admin.post(PROVIDERS, body), 400, "IDVP-60002", f"configProperties.{key}")

    assert "secret" not in description


@pytest.mark.parametrize("leave_out", [{}, *further({"value": None}, {"value": ""}, {"value": "  "}, {"value": MASK})])
def test_put_without_the_secrets_keeps_them(shared: World, admin: Caller, leave_out: dict[str, str | None]) -> None:
    _, me = new_user(shared)
    secrets = {"token": API_TOKEN, "webhook_token": WEBHOOK_TOKEN}
    provider_id = new_provider(shared, configProperties=config_properties(shared.simulator, **secrets))
    kept = [{"key": key, "isSecret": True} | leave_out for key in secrets]
    properties = [*config_properties(shared.simulator, token=None), *kept]
    body = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200) | {"configProperties": properties}

    put = answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body), 200)

    assert property_of(put, "webhook_token") == {"key": "webhook_token", "value": MASK, "isSecret": True}
    assert me.verify(provider_id, "INITIATED").status_code == 200
    event = event_body("run-of-another")
    assert shared.post_event(event, provider_id=provider_id, signature=sign(event, WEBHOOK_TOKEN)).status_code == 200


@pytest.mark.parametrize("key", ["token", "webhook_token", "notice_secret"])
@pytest.mark.one_database
def test_a_mask_is_refused_as_secret_of_a_new_provider(shared: World, admin: Caller, key: str) -> None:
    properties = config_properties(shared.simulator, **{key: MASK})

    answer = admin.post(PROVIDERS, provider_body(shared.simulator, name="Masked", configProperties=properties))

    assert_error(answer, 400, "IDVP-60002", f"configProperties.{key}: must be the secret itself")


@pytest.mark.parametrize("is_secret", [True, False, None])
@pytest.mark.one_database
def test_secrets_stay_secret_whatever_is_secret_says(shared: World, admin: Caller, is_secret: bool | None) -> None:
    secrets = {"token": API_TOKEN, "webhook_token": WEBHOOK_TOKEN, "notice_secret": "whsec_" + "c2VjcmV0" * 4}
    properties = [item | {"isSecret": is_secret} for item in config_properties(shared.simulator, **secrets)]
    name = f"Whatever {is_secret}"

    answered = answer_on(
        admin.post(PROVIDERS, provider_body(shared.simulator, name=name, configProperties=properties)), 201
    )

    assert_provider(answered)
    assert {item["key"] for item in answered["configProperties"] if item["isSecret"]} == set(secrets)


@pytest.mark.parametrize("token", ["", "x", "fifteen-letters", "*" * 15])
@pytest.mark.one_database
def test_a_short_webhook_token_is_refused(shared: World, admin: Caller, token: str) -> None:
    provider_id = new_provider(shared)
    body = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)
    body["configProperties"].append({"key": "webhook_token", "value": token, "isSecret": True})

    answer = admin.put(f"{PROVIDERS}/{provider_id}", body)

    if token:
        assert_error(answer, 400, "IDVP-60002", "configProperties.webhook_token: must have at least 16 characters")
    else:
        assert property_of(answer_on(answer, 200), "webhook_token") is None


@pytest.mark.parametrize(
    "pasted",
    [
        f"Token token={API_TOKEN}",
        f"token TOKEN = {API_TOKEN}",
        f"Authorization: Token token={API_TOKEN}",
        f"  Bearer {API_TOKEN}\n",
        f'"{API_TOKEN}"',
        f"Token token='{API_TOKEN}'",
        f"\ufeff{API_TOKEN}\u00a0",
        f"Token {API_TOKEN}",
        f'export ONFIDO_API_TOKEN="{API_TOKEN}"',
        f"-H 'Authorization: Token token={API_TOKEN}'",
        f'"token": "{API_TOKEN}",',
        f"\u200e{API_TOKEN}\u2060;",
    ],
)
@pytest.mark.one_database
def test_a_pasted_token_is_stored_without_surrounding_text(shared: World, admin: Caller, pasted: str) -> None:
    _, me = new_user(shared)
    added = new_provider(shared, configProperties=config_properties(shared.simulator, token=pasted))
    changed = new_provider(shared)
    name = answer_on(admin.get(f"{PROVIDERS}/{changed}"), 200)["name"]
    properties = config_properties(shared.simulator, token=pasted)
    answer_on(
        admin.put(f"{PROVIDERS}/{changed}", provider_body(shared.simulator, name=name, configProperties=properties)),
        200,
    )

    assert me.verify(added, "INITIATED").status_code == 200
    assert me.verify(changed, "INITIATED").status_code == 200


@pytest.mark.parametrize("environment", ["sandbox", "live"])
@pytest.mark.parametrize(
    ("region", "base_url", "is_refused"),
    [
        ("_us", REGIONS[0], True),
        ("_ca", REGIONS[1], True),
        ("_eu", REGIONS[2], True),
        ("_us", REGIONS[1], False),
        ("_eu", REGIONS[0], False),
        ("", REGIONS[1], False),
    ],
)
@pytest.mark.one_database
def test_a_token_of_another_region_is_refused(
    shared: World, admin: Caller, environment: str, region: str, base_url: str, is_refused: bool
) -> None:
    token = f"api_{environment}{region}.secret-of-a-region"
    provider_id = new_provider(shared)
    name = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["name"]
    properties = config_properties(shared.simulator, token=token, base_url=base_url)
    body = provider_body(shared.simulator, name=name, configProperties=properties)

    answer = admin.put(f"{PROVIDERS}/{provider_id}", body)

    if not is_refused:
        answer_on(answer, 200)
        return
    named = (f"must be for the region of base_url, {base_url[12:14]}", f"names {region[1:]}")
    assert_error(answer, 400, "IDVP-60002", "configProperties.token", *named)
    assert_error(admin.post(PROVIDERS, body | {"name": "Elsewhere"}), 400, "IDVP-60002", *named)


def test_a_stored_token_is_bound_to_its_region(shared: World, admin: Caller) -> None:
    properties = config_properties(shared.simulator, token="api_live_us.secret", base_url=REGIONS[1])
    provider_id = new_provider(shared, configProperties=properties)
    body = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)
    body["configProperties"] = config_properties(shared.simulator, token=MASK, base_url=REGIONS[0])

    assert_error(admin.put(f"{PROVIDERS}/{provider_id}", body), 400, "IDVP-60002", "eu", "us")


def test_a_new_api_token_replaces_the_old_one(shared: World, admin: Caller, answers: list[requests.Response]) -> None:
    _, me = new_user(shared)
    provider_id = new_provider(shared)
    name = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["name"]
    properties = config_properties(shared.simulator, token="rotated-api-secret")

    answers.append(
        admin.put(f"{PROVIDERS}/{provider_id}", provider_body(shared.simulator, name=name, configProperties=properties))
    )
    answers.append(me.verify(provider_id, "INITIATED"))

    assert answers[0].status_code == 200
    assert_error(answers[1], 400, "OIDV-10038")  # no token of Onfido's, and the one that is used


def test_a_webhook_token_can_be_added_later(shared: World, admin: Caller) -> None:
    provider_id = new_provider(shared)
    body = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)
    event = event_body("run-of-another")
    signature = sign(event, WEBHOOK_TOKEN)
    assert shared.post_event(event, provider_id=provider_id, signature=signature).status_code == 401

    body["configProperties"].append({"key": "webhook_token", "value": WEBHOOK_TOKEN, "isSecret": True})
    answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body), 200)

    assert shared.post_event(event, provider_id=provider_id, signature=signature).status_code == 200


def test_a_provider_without_webhook_token_verifies_by_fetching_results(shared: World) -> None:
    _, me = new_user(shared)
    provider_id = new_provider(shared)
    started = answer_on(me.verify(provider_id, "INITIATED", [GIVEN_NAME]), 200)
    shared.outcome(started["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])

    completed = answer_on(me.verify(provider_id, "COMPLETED", [GIVEN_NAME]), 200)

    assert completed["claims"][0]["isVerified"]


# Refusals


@pytest.mark.parametrize("base_url", REGIONS)
@pytest.mark.one_database
def test_onfidos_regional_hosts_may_receive_tokens(shared: World, base_url: str) -> None:
    new_provider(shared, configProperties=config_properties(shared.simulator, base_url=base_url))


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.eu.onfido.com/v3.6",
        "https://evil.example/v3.6",
        "https://api.eu.onfido.com.evil.example/v3.6",
        "https://evil.example/https://api.eu.onfido.com/v3.6",
        "https://api.eu.onfido.com@evil.example/v3.6",
        "https://evil.example\\@api.eu.onfido.com/v3.6",
        "https://api.eu.onfido.com:8443@evil.example/",
        "https://user:pass@api.eu.onfido.com/v3.6",
        "https://api.eu.onfido.com/v3.6?x=1",
        "https://api.eu.onfido.com/v3.6#x",
        "https://127.0.0.1/v3.6",
        "https://10.0.0.1/v3.6",
        "http://169.254.169.254/latest",
        "ftp://api.eu.onfido.com/v3.6",
        "file:///etc/passwd",
        "//api.eu.onfido.com/v3.6",
        "api.eu.onfido.com",
        "https://",
        "https://[::1",
        "https://api.eu.onfido.com:port/",
        "https://\N{CYRILLIC SMALL LETTER A}pi.eu.onfido.com/v3.6",
    ],
)
@pytest.mark.one_database
def test_other_hosts_never_receive_tokens(shared: World, admin: Caller, base_url: str) -> None:
    properties = config_properties(shared.simulator, base_url=base_url)

    answer = admin.post(PROVIDERS, provider_body(shared.simulator, configProperties=properties))

    assert_error(answer, 400, "IDVP-60002", "base_url")


@pytest.mark.parametrize("name", sorted(APPLICANT_FIELDS - {"first_name", "last_name"}))
@pytest.mark.one_database
def test_every_applicant_field_can_be_mapped(shared: World, name: str) -> None:
    new_provider(shared, claims=mapping(other=name))


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ([], "first_name"),
        (mapping(lastname=None), "last_name"),
        (mapping(givenname=None), "first_name"),
        (mapping(dob="birthday"), "birthday"),
        (mapping(dob="DOB"), "DOB"),
        (mapping(address="address"), "address"),
        (mapping(address="address.planet"), "address.planet"),
        (mapping(id="id_numbers.value"), "id_numbers.value"),
        (mapping(dob="dob.year"), "dob.year"),
        ([*mapping(), {"localClaim": GIVEN_NAME, "idvpClaim": "dob"}], "claims"),
        (mapping(nickname="dob", born="dob"), "dob"),
        ([*mapping(), {"localClaim": "", "idvpClaim": "dob"}], "localClaim"),
        ([*mapping(), {"localClaim": " ", "idvpClaim": "dob"}], "localClaim"),
    ],
)
@pytest.mark.one_database
def test_a_mapping_that_onfido_cannot_use_is_refused(
    shared: World, admin: Caller, claims: list[dict[str, str]], named: str
) -> None:
    answer = admin.post(PROVIDERS, provider_body(shared.simulator, claims=claims))

    assert_error(answer, 400, "IDVP-60002", "claims", named)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"token": None}, "token"),
        ({"workflow_id": None}, "workflow_id"),
        ({"workflow_id": "my workflow"}, "workflow_id"),
        ({"workflow": WORKFLOW_ID}, "workflow"),
        ({"Token": API_TOKEN}, "Token"),
    ],
)
@pytest.mark.one_database
def test_absent_invalid_and_unknown_configuration_properties_are_named(
    shared: World, admin: Caller, changes: dict[str, str | None], named: str
) -> None:
    properties = config_properties(shared.simulator, **changes)

    answer = admin.post(PROVIDERS, provider_body(shared.simulator, configProperties=properties))

    assert_error(answer, 400, "IDVP-60002", "configProperties", named)


def test_a_duplicate_configuration_property_is_refused(shared: World, admin: Caller) -> None:
    properties = [*config_properties(shared.simulator), {"key": "workflow_id", "value": WORKFLOW_ID}]

    answer = admin.post(PROVIDERS, provider_body(shared.simulator, configProperties=properties))

    assert_error(answer, 400, "IDVP-60002", "configProperties")


# The list


NAMES = [
    "Alpha One",
    "Alpha Two",
    "beta one",
    "100% Gamma",
    "snake_case",
    'Say "hello"',
    "back\\slash",
    "ÄRZTE",
    "Zwölf",
]


@pytest.fixture(scope="module")
def catalogue(shared: World) -> World:
    """A separate tenant with providers for searches; all but the last one are enabled."""
    tenant = World(shared.connector, shared.simulator, shared.clock, tenant="catalogue.example")
    for name in NAMES:
        new_provider(tenant, name=name, isEnabled=name != NAMES[-1], description=f"about {name}")
    return tenant


def found(world: World, text: str | None = None, **query: Any) -> dict[str, Any]:
    """List providers and check the page's totals."""
    params = query | ({} if text is None else {"filter": text})
    page: dict[str, Any] = answer_on(world.connector.as_admin(world.tenant).get(PROVIDERS, params=params), 200)
    assert set(page) == {"totalResults", "startIndex", "count", "identityVerificationProviders"}
    assert page["count"] == len(page["identityVerificationProviders"])
    assert page["startIndex"] == query.get("offset", 0) + 1
    return page


def names(page: dict[str, Any]) -> set[str]:
    return {provider["name"] for provider in page["identityVerificationProviders"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name eq "Alpha One"', {"Alpha One"}),
        ('name eq "ALPHA one"', {"Alpha One"}),
        ("name sw alpha", {"Alpha One", "Alpha Two"}),
        ("name ew One", {"Alpha One", "beta one"}),
        ("name co ETA", {"beta one"}),
        ("NAME CO gamma", {"100% Gamma"}),
        ("Name Sw Alpha AND name Ew two", {"Alpha Two"}),
        ("  name   sw   alpha   and   name   ew   two  ", {"Alpha Two"}),
        ("name sw Alpha and name co l and isEnabled eq true", {"Alpha One", "Alpha Two"}),
        ("isEnabled eq false", {"Zwölf"}),
        ("isenabled EQ False", {"Zwölf"}),
        ('isEnabled eq "false"', {"Zwölf"}),
        ("name eq Zwölf", {"Zwölf"}),
        ("name eq ÄRZTE", {"ÄRZTE"}),
        ("name eq ärzte", {"ÄRZTE"}),
        ("name sw är", {"ÄRZTE"}),
        ("type eq ONFIDO", set(NAMES)),
        ("type eq onfido", set(NAMES)),
        ("type sw ev", set()),
        ('description eq "about beta one"', {"beta one"}),
        ("description sw about", set(NAMES)),
        ('name eq "and"', set()),
        # The wildcards of LIKE stand for themselves, in every operator.
        ("name co %", {"100% Gamma"}),
        ("name co _", {"snake_case"}),
        ("name sw 100%", {"100% Gamma"}),
        ("name sw %", set()),
        ("name ew _case", {"snake_case"}),
        ("name ew _", set()),
        ("name eq snake%case", set()),
        ("name eq snakeXcase", set()),
        # A backslash and a quotation mark inside quotes are escaped by a backslash.
        (r'name co "\\"', {"back\\slash"}),
        (r'name eq "Say \"hello\""', {'Say "hello"'}),
        ("name co /", set()),
        ("name co '", set()),
        ("name eq ';--", set()),
        ("name eq a; drop table providers", set()),
        # An unquoted value extends to the next term, or to the end.
        ("name eq Alpha One", {"Alpha One"}),
        ("name sw alpha o", {"Alpha One"}),
        ("name co A ONE", {"Alpha One", "beta one"}),
        ("name eq beta one and isEnabled eq true", {"beta one"}),
        ("description ew beta one and name sw beta", {"beta one"}),
        ("name eq Alpha  One", {"Alpha One"}),
        ("name eq this and that", set()),
        ("name eq a andname eq b", set()),
        ("name co one or two", set()),
        ('name eq Say "hello"', {'Say "hello"'}),
    ],
)
def test_a_filter_selects_providers(catalogue: World, text: str, expected: set[str]) -> None:
    page = found(catalogue, text)

    assert names(page) == expected
    assert page["totalResults"] == len(expected)


def test_a_filter_by_id_selects_one_provider(catalogue: World) -> None:
    provider = found(catalogue, "name sw snake")["identityVerificationProviders"][0]

    assert names(found(catalogue, f"id eq {provider['id']}")) == {"snake_case"}
    assert names(found(catalogue, f"id sw {provider['id'][:13]}")) == {"snake_case"}
    assert names(found(catalogue, f"id eq {UNKNOWN_ID}")) == set()


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name eq",
        "name gt a",
        "name pr",
        "name eq a or name eq b",
        "not name eq a",
        "(name eq a)",
        "name eq a and",
        "and name eq a",
        "name eq a name eq b",
        'name eq "open',
        'name eq "a"b',
        "token eq a",
        "workflow_id eq a",
        "api_token sw api",
        "name.first eq a",
        "isEnabled co tr",
        "isEnabled eq yes",
        "x" * 1025,
    ],
)
@pytest.mark.one_database
def test_a_filter_outside_the_grammar_is_refused(catalogue: World, text: str) -> None:
    answer = catalogue.connector.as_admin(catalogue.tenant).get(PROVIDERS, params={"filter": text})

    assert_error(answer, 400, "IDVP-60004", "filter")


@pytest.mark.parametrize("text", ["", " ", "\t"])
@pytest.mark.one_database
def test_a_blank_filter_lists_everything(catalogue: World, text: str) -> None:
    answer = catalogue.connector.as_admin(catalogue.tenant).get(PROVIDERS, params={"filter": text})

    assert answer.status_code == 200
    assert answer.json()["totalResults"] == 9


@pytest.mark.parametrize(
    ("limit", "offset", "count"), [(4, 0, 4), (4, 8, 1), (4, 9, 0), (4, 1000, 0), (1000, 0, 9), (0, 0, 0), (0, 3, 0)]
)
def test_a_page_is_taken_from_all_matching_providers(catalogue: World, limit: int, offset: int, count: int) -> None:
    page = found(catalogue, limit=limit, offset=offset)

    assert (page["totalResults"], page["count"]) == (len(NAMES), count)


def test_pages_follow_each_other_without_gap_or_overlap(catalogue: World) -> None:
    pages = [found(catalogue, limit=3, offset=offset)["identityVerificationProviders"] for offset in (0, 3, 6)]

    assert [provider["name"] for page in pages for provider in page] == [
        provider["name"] for provider in found(catalogue)["identityVerificationProviders"]
    ]
    assert {provider["name"] for page in pages for provider in page} == set(NAMES)


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", ["-1", "1.5", "ten", "", "1e3", "0x10"])
@pytest.mark.one_database
def test_an_invalid_page_is_refused(catalogue: World, name: str, value: str) -> None:
    answer = catalogue.connector.as_admin(catalogue.tenant).get(PROVIDERS, params={name: value})

    assert_error(answer, 400, "IDVP-60004", name)


@pytest.mark.parametrize("offset", [str(2**31), str(10**30), "9" * 5000])
@pytest.mark.one_database
def test_an_offset_beyond_the_maximum_is_refused(catalogue: World, offset: str) -> None:
    answer = catalogue.connector.as_admin(catalogue.tenant).get(PROVIDERS, params={"offset": offset})

    assert_error(answer, 400, "IDVP-60004", "offset")


@pytest.mark.parametrize("limit", ["1001", "5000", str(2**31), str(10**30), "9" * 5000, "00001001"])
@pytest.mark.one_database
def test_a_limit_above_the_maximum_is_reduced_to_it(catalogue: World, limit: str) -> None:
    assert names(found(catalogue, limit=limit)) == set(NAMES)


# The guide


def test_the_setup_guide_names_the_webhook_of_its_tenant(catalogue: World) -> None:
    admin = catalogue.connector.as_admin(catalogue.tenant)
    provider_id = found(catalogue, "name sw snake")["identityVerificationProviders"][0]["id"]

    guide = answer_on(admin.get(f"{PROVIDERS}/{provider_id}/setup-guide"), 200)

    url = f"{catalogue.connector.url}/t/catalogue.example/idv/onfido/v1/{provider_id}/verify"
    assert guide["providerId"] == provider_id
    assert guide["webhookUrl"] == url
    assert url in json.dumps(guide["steps"])
    assert guide["events"] == ["workflow_run.completed"]
    assert guide["hasWebhookToken"] is False
    assert requests.post(guide["webhookUrl"], data=b"{}", timeout=60).status_code == 401  # it is there


def test_the_mapping_is_returned_completely(shared: World, admin: Caller) -> None:
    provider_id = new_provider(shared)

    claims = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["claims"]

    assert {claim["localClaim"]: claim["idvpClaim"] for claim in claims} == MAPPING
    assert set(MAPPING) == {GIVEN_NAME, LAST_NAME, BIRTH_DATE}
