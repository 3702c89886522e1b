"""The input of a workflow run: configuration, custom data, tags, the user's id and all fields of an applicant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.studio.custom_data import MAX_TEXT
from connector.domain.studio.workflow_run import TAG_PREFIX
from connector.domain.tenancy import Tenant
from connector.store.models import history
from connector.store.verifications import user_verifications
from tests.bodies import config_properties, provider_body
from tests.contract.studio import (
    ask,
    calls,
    calls_since,
    metadata,
    read_at_onfido,
    run_at_onfido,
    set_workflow,
    studio_provider,
)
from tests.contract.wire import (
    MASK,
    PERSON,
    PROVIDERS,
    answer_on,
    assert_error,
    assert_provider,
    further,
    new_provider,
    new_user,
    on_sqlite,
)
from tests.harness import Caller, World, run_id_of
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

SALARY, CITY, ALLOWED, LANGUAGES, SINCE = (
    f"urn:claim:{name}" for name in ("salary", "city", "allowed", "tongues", "since")
)
DONE = "https://app.example.com/done"
NOTHING: dict[str, Any] = {
    "tags": [],
    "sendUserId": False,
    "customData": [],
    "outputClaims": [],
    "documentValues": False,
    "capture": "sdk",
    "link": {
        "redirectUrls": [],
        "completedRedirectUrl": None,
        "expiredRedirectUrl": None,
        "lifetime": None,
        "language": None,
    },
    "sdk": {"referrer": None, "applicationId": None, "crossDeviceUrl": None},
    "notices": {"url": None, "tasks": []},
    "unverifyOnMatch": False,
    "watchlistMonitor": None,
}
EVERYTHING: dict[str, Any] = {
    "tags": ["web", "Zürich"],
    "sendUserId": True,
    "customData": [
        {"name": "risk", "type": "string", "value": "high", "claim": None, "required": True},
        {"name": "limit", "type": "number", "value": 2.5, "claim": None, "required": True},
        {"name": "flags", "type": "list", "value": ["a", ""], "claim": None, "required": True},
        {"name": "strict", "type": "boolean", "value": False, "claim": None, "required": True},
        {"name": "from", "type": "date-time", "value": "2030-01-31T12:00:00Z", "claim": None, "required": True},
        {"name": "salary", "type": "number", "value": None, "claim": SALARY, "required": False},
        {"name": "channel", "type": "string", "value": None, "claim": None, "required": False},
    ],
    "outputClaims": [
        {"pointer": "/document_report/properties/date_of_expiry", "localClaim": "urn:expiry", "as": "value"},
        {"pointer": "/liveness", "localClaim": "urn:liveness", "as": "result"},
    ],
    "documentValues": True,
    "capture": "link",
    "link": {
        "redirectUrls": [DONE],
        "completedRedirectUrl": DONE,
        "expiredRedirectUrl": None,
        "lifetime": 3600,
        "language": "de_DE",
    },
    "sdk": {"referrer": "https://*.example.com/*", "applicationId": None, "crossDeviceUrl": "https://id.example.com/x"},
    "notices": {"url": "http://127.0.0.1:9/notices", "tasks": ["collect_salary"]},
    "unverifyOnMatch": True,
    "watchlistMonitor": "watchlist_aml",
}
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cyAuLi4u"


# The provider's configuration


def test_studio_is_returned_as_it_was_sent(shared: World, admin: Caller) -> None:
    properties = config_properties(shared.simulator, notice_secret=SECRET)
    provider_id = new_provider(shared, studio=EVERYTHING, configProperties=properties)

    answer = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)

    assert answer["studio"] == EVERYTHING
    assert {"key": "notice_secret", "value": MASK, "isSecret": True} in answer["configProperties"]
    assert SECRET not in str(answer)


def test_a_change_without_studio_keeps_it_and_an_empty_one_removes_it(shared: World, admin: Caller) -> None:
    provider_id = studio_provider(shared, tags=["web"], sendUserId=True)
    path, body = f"{PROVIDERS}/{provider_id}", provider_body(shared.simulator, name=f"Changed {provider_id}")
    used = NOTHING | {"tags": ["web"], "sendUserId": True}

    assert answer_on(admin.put(path, body), 200)["studio"] == used
    assert answer_on(admin.put(path, body | {"studio": None}), 200)["studio"] == used
    assert answer_on(admin.put(path, body | {"studio": {"tags": ["app"]}}), 200)["studio"] == NOTHING | {
        "tags": ["app"]
    }
    emptied = answer_on(admin.put(path, body | {"studio": {}}), 200)
    assert_provider(emptied)
    assert answer_on(admin.get(path), 200) == emptied


def test_a_client_for_wso2_sees_no_studio_if_it_is_not_used(shared: World, admin: Caller) -> None:
    for studio in ({}, NOTHING, None):
        provider_id = new_provider(shared, studio=studio)
        assert_provider(answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200))


def test_the_history_names_only_changed_members(shared: World, admin: Caller) -> None:
    provider_id = studio_provider(shared, tags=["web"], customData=EVERYTHING["customData"])
    path, body = f"{PROVIDERS}/{provider_id}", provider_body(shared.simulator, name=f"Renamed {provider_id}")

    answer_on(admin.put(path, body), 200)
    answer_on(admin.put(path, body | {"studio": {"tags": ["web"]}}), 200)
    answer_on(admin.put(path, body), 200)

    with shared.connector.services.database.read() as connection:
        made = (history.c.provider_id == provider_id, history.c.cause == "administrator")
        entries = connection.execute(select(history.c.detail).where(*made).order_by(history.c.id)).scalars()
        added, *changed = [entry["properties"] for entry in entries]
    assert "studio" in added
    assert changed == [["name"], ["studio"], []]


@pytest.mark.parametrize(
    ("studio", "named"),
    [
        ("x", "studio"),
        ({"unknown": 1}, "studio.unknown"),
        ({"tags": "web"}, "studio.tags"),
        ({"watchlistMonitor": "watchlist_of_everybody"}, "studio.watchlistMonitor"),
        ({"tags": ["web,app"]}, "studio.tags"),
        ({"tags": [str(number) for number in range(30)]}, "studio.tags"),
        ({"tags": [f"{TAG_PREFIX}x"]}, "studio.tags"),
        ({"sendUserId": "maybe"}, "studio.sendUserId"),
        ({"customData": [{"name": "x", "type": "text"}]}, "studio.customData.0.type"),
        ({"customData": [{"type": "string"}]}, "studio.customData.0.name"),
        ({"customData": [{"name": "x", "type": "string", "value": {}}]}, "studio.customData.0.value"),
        ({"customData": [{"name": "x y", "type": "string"}]}, "studio.customData: x y"),
        ({"customData": [{"name": "x", "type": "number", "value": "1"}]}, "studio.customData: x"),
        ({"customData": [{"name": "x", "type": "string", "value": "\ud800"}]}, "studio.customData: x"),
        ({"customData": [{"name": "x", "type": "string", "value": "a", "claim": SALARY}]}, "studio.customData: x"),
        ({"customData": [{"name": "x", "type": kind} for kind in ("string", "number")]}, "studio.customData"),
        ({"outputClaims": [{"pointer": "x", "localClaim": "urn:x", "as": "value"}]}, "studio.outputClaims"),
        ({"outputClaims": [{"pointer": "/x", "localClaim": "urn:x", "as": "both"}]}, "studio.outputClaims.0.as"),
        ({"outputClaims": [{"pointer": "/x", "as": "value"}]}, "studio.outputClaims.0.localClaim"),
        ({"documentValues": 3}, "studio.documentValues"),
        ({"capture": "webview"}, "studio.capture"),
        ({"link": {"redirectUrls": ["http://app.example.com/"]}}, "studio.link.redirectUrls"),
        ({"link": {"completedRedirectUrl": DONE}}, "studio.link.completedRedirectUrl"),
        ({"link": {"lifetime": 0}}, "studio.link.lifetime"),
        ({"link": {"lifetime": "60"}}, "studio.link.lifetime"),
        ({"link": {"language": "en"}}, "studio.link.language"),
        ({"sdk": {"referrer": "https://a.example/*", "applicationId": "com.example"}}, "studio.sdk"),
        ({"sdk": {"crossDeviceUrl": "x"}}, "studio.sdk.crossDeviceUrl"),
        ({"notices": {"url": "https://evil.example/"}}, "studio.notices.url"),
        ({"notices": {"url": "http://127.0.0.1:9/"}}, "studio.notices.url"),
        ({"notices": {"tasks": ["x"]}}, "studio.notices.tasks"),
    ],
)
@pytest.mark.one_database
def test_invalid_studio_is_refused_with_its_field_and_changes_nothing(
    shared: World, admin: Caller, studio: Any, named: str
) -> None:
    body = provider_body(shared.simulator, name=f"Refused {uuid.uuid4()}", studio=studio)
    path = f"{PROVIDERS}/{studio_provider(shared, tags=['web'])}"
    before = answer_on(admin.get(path), 200)

    assert_error(admin.post(PROVIDERS, body), 400, "IDVP-60002", named)
    assert_error(admin.put(path, body), 400, "IDVP-60002", named)

    assert answer_on(admin.get(path), 200) == before


def altered(document: Any, value: Any) -> Iterator[Any]:
    """Return a JSON document with another value at one place, for every place in it."""
    yield value
    members = document.items() if isinstance(document, dict) else ()
    for key, child in enumerate(document) if isinstance(document, list) else members:
        for each in altered(child, value):
            changed = document.copy()
            changed[key] = each
            yield changed


@on_sqlite
@pytest.mark.parametrize("value", [None, True, -1, "", "x" * 3000, ["x"], {"x": {}}], ids=lambda each: repr(each)[:9])
def test_any_value_of_a_studio_member_is_accepted_or_refused(shared: World, admin: Caller, value: Any) -> None:
    assert_accepted_or_refused(shared, admin, value)


@pytest.mark.parametrize("value", [1e300, 10**400, "\0", "\ud800"], ids=lambda each: repr(each)[:9])
def test_a_value_that_no_database_stores_is_accepted_or_refused(shared: World, admin: Caller, value: Any) -> None:
    assert_accepted_or_refused(shared, admin, value)


def assert_accepted_or_refused(shared: World, admin: Caller, value: Any) -> None:
    """Assert that the value is stored as it is or refused, at each place of a Studio configuration."""
    used = EVERYTHING | {"customData": EVERYTHING["customData"][2:5:2], "notices": {"url": None, "tasks": []}}
    path = f"{PROVIDERS}/{studio_provider(shared)}"
    body = provider_body(shared.simulator, name=f"Altered {path}")
    answer_on(admin.put(path, body | {"studio": used}), 200)
    for studio in altered(used, value):
        answer = admin.put(path, body | {"studio": studio})
        if answer.status_code == 200:
            assert answer_on(admin.get(path), 200) == answer.json()
        else:
            assert_error(answer, 400, "IDVP-60002", "studio")


# Custom input data


TYPED = {
    "city": ("string", CITY, "Sankt Gallen", "Sankt Gallen"),
    "salary": ("number", SALARY, "52000.50", 52000.5),
    "allowed": ("boolean", ALLOWED, "True", True),
    "languages": ("list", LANGUAGES, "de, fr", ["de", "fr"]),
    "since": ("date-time", SINCE, "2019-05-01", "2019-05-01T00:00:00+00:00"),
}
RULES = {
    name: "date_time" if kind == "date-time" else kind for name, kind in ((name, row[0]) for name, row in TYPED.items())
}


@pytest.fixture
def typed_workflow(shared: World) -> str:
    """A workflow at Onfido that requires input of these types."""
    workflow_id = str(uuid.uuid4())
    set_workflow(shared, workflow_id, custom_data=RULES, required=list(RULES))
    return workflow_id


def test_input_of_every_type_is_built_from_claims(shared: World, typed_workflow: str) -> None:
    declared = [{"name": name, "type": kind, "claim": claim} for name, (kind, claim, *_) in TYPED.items()]
    provider_id = studio_provider(shared, workflow_id=typed_workflow, customData=declared)
    _, me = new_user(shared, PERSON | {claim: text for _, claim, text, _ in TYPED.values()})

    run_id = run_id_of(ask(me, provider_id))

    assert run_at_onfido(shared, run_id)["custom_data"] == {name: row[3] for name, row in TYPED.items()}
    applicant = read_at_onfido(shared, "applicants", run_at_onfido(shared, run_id)["applicant_id"])
    assert "52000.5" not in str(applicant), "claims without a mapped field of the applicant are input only"


def test_input_of_every_type_is_taken_from_the_request(shared: World, typed_workflow: str) -> None:
    declared = [{"name": name, "type": kind} for name, (kind, *_) in TYPED.items()]
    provider_id = studio_provider(shared, workflow_id=typed_workflow, customData=declared)
    _, me = new_user(shared)
    given = {f"custom_data.{name}": text for name, (_, _, text, _) in TYPED.items()}

    run_id = run_id_of(ask(me, provider_id, properties=given))

    assert run_at_onfido(shared, run_id)["custom_data"] == {name: row[3] for name, row in TYPED.items()}


def test_constants_are_sent_with_every_run_and_optional_input_may_be_missing(shared: World) -> None:
    provider_id = studio_provider(shared, customData=EVERYTHING["customData"])
    _, me = new_user(shared)

    run_id = run_id_of(ask(me, provider_id))

    assert run_at_onfido(shared, run_id)["custom_data"] == {
        "risk": "high",
        "limit": 2.5,
        "flags": ["a", ""],
        "strict": False,
        "from": "2030-01-31T12:00:00Z",
    }


def test_a_run_without_input_is_sent_without_it(shared: World) -> None:
    _, me = new_user(shared)

    sent = run_at_onfido(shared, shared.start(me))

    assert (sent["custom_data"], sent["link"], sent["customer_user_id"]) == (None, None, None)


REFUSED_INPUT: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"type": "number"}, {}, "custom_data.x"),
    ({"type": "number"}, {"x": "many"}, "custom_data.x"),
    ({"type": "number"}, {"x": "9" * 400}, "custom_data.x"),
    ({"type": "boolean"}, {"x": "many"}, "custom_data.x"),
    ({"type": "list"}, {"x": "[" * MAX_TEXT}, "custom_data.x"),
    ({"type": "date-time"}, {"x": "soon"}, "custom_data.x"),
    ({"type": "string", "required": False}, {"y": "many"}, "custom_data.y"),
    ({"type": "string", "value": "few"}, {"x": "many"}, "custom_data.x"),
    ({"type": "string", "claim": CITY}, {"x": "many"}, "custom_data.x"),
]


@pytest.mark.parametrize(("declared", "given", "named"), REFUSED_INPUT)
@pytest.mark.one_database
def test_undeclared_input_is_refused_before_onfido_is_called(
    shared: World, declared: dict[str, Any], given: dict[str, str], named: str
) -> None:
    provider_id = studio_provider(shared, customData=[{"name": "x"} | declared])
    _, me = new_user(shared, PERSON | {CITY: "Quito"})
    before = calls(shared)

    answer = ask(me, provider_id, properties={f"custom_data.{name}": text for name, text in given.items()})

    described = assert_error(answer, 400, "IDV-10005", named)
    assert "many" not in described
    assert calls_since(shared, before) == {}
    assert me.claims() == {}


@pytest.mark.parametrize(
    ("value", "code"), [(None, "OIDV-10002"), *further(("", "OIDV-10002"), ("quite a lot", "OIDV-10043"))]
)
def test_input_that_no_value_of_the_user_can_fill_is_refused_by_claim_and_name(
    shared: World, value: str | None, code: str
) -> None:
    provider_id = studio_provider(shared, customData=[{"name": "salary", "type": "number", "claim": SALARY}])
    user_id, me = new_user(shared, PERSON | ({} if value is None else {SALARY: value}))
    before = calls(shared)

    described = assert_error(ask(me, provider_id), 400, code, SALARY, "salary")

    assert "quite a lot" not in described
    assert calls_since(shared, before) == {}
    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {SALARY: "1"})
    assert ask(me, provider_id).status_code == 200, "the next request is not in the way of the first"


def test_input_refused_by_the_workflow_is_reported_in_onfidos_words_without_the_value(
    shared: World, typed_workflow: str
) -> None:
    set_workflow(shared, typed_workflow, custom_data={"city": "number", "salary": "number"}, required=["salary"])
    declared = [{"name": "city", "type": "string", "claim": CITY}, {"name": "other", "type": "string", "value": "Ohio"}]
    provider_id = studio_provider(shared, workflow_id=typed_workflow, customData=declared)
    _, me = new_user(shared, PERSON | {CITY: "Quito"})

    answer = ask(me, provider_id)

    described = assert_error(
        answer, 400, "OIDV-10042", "custom_data.city", "custom_data.salary: must be given", "custom_data.other"
    )
    assert "Quito" not in described
    assert "Ohio" not in described
    set_workflow(shared, typed_workflow)
    assert ask(me, provider_id).status_code == 200, "the user can continue once the workflow is corrected"


# Tags and the user's id


def test_tags_of_the_provider_and_the_request_are_added_to_the_runs_own(shared: World) -> None:
    provider_id = studio_provider(shared, tags=["ours", "both"])
    _, me = new_user(shared)

    run_id = run_id_of(ask(me, provider_id, properties={"tags": "both, theirs,Zürich ,"}))

    own, *others = run_at_onfido(shared, run_id)["tags"]
    found = shared.connector.services.lookup.get(Tenant(shared.tenant), run_id)
    assert own == TAG_PREFIX + found.listed.verification.verification_id
    assert others == ["ours", "both", "theirs", "Zürich"]
    assert sorted(found.listed.tags) == sorted(others)


def test_the_maximum_number_of_tags_leaves_room_for_the_runs_own(shared: World) -> None:
    provider_id = studio_provider(shared, tags=[f"p{number}" for number in range(15)])
    _, me = new_user(shared)
    many = [f"r{number}" for number in range(15)]

    assert_error(ask(me, provider_id, properties={"tags": ",".join(many)}), 400, "IDV-10005", "tags", "29")
    run_id = run_id_of(ask(me, provider_id, properties={"tags": ",".join(many[:14])}))

    assert len(run_at_onfido(shared, run_id)["tags"]) == 30


@pytest.mark.parametrize("tags", ["x" * 129, "a\nb", f"ok,{TAG_PREFIX}{uuid.UUID(int=0)}"])
@pytest.mark.one_database
def test_invalid_tags_and_those_of_other_runs_are_refused(shared: World, tags: str) -> None:
    _, me = new_user(shared)

    assert_error(ask(me, shared.provider_id, properties={"tags": tags}), 400, "IDV-10005", "tags")


def test_the_user_id_is_sent_to_onfido_if_configured(shared: World) -> None:
    user_id, me = new_user(shared)

    run_id = run_id_of(ask(me, studio_provider(shared, sendUserId=True)))

    assert run_at_onfido(shared, run_id)["customer_user_id"] == user_id


# The applicant


ENTIRE = {
    "address.flat_number": "4",
    "address.building_number": "12",
    "address.building_name": "The Mill",
    "address.street": "Elm Road",
    "address.sub_street": "Rear",
    "address.town": "Albany",
    "address.state": "NY",
    "address.postcode": "12207",
    "address.country": "USA",
    "address.line1": "12 Elm Road",
    "location.ip_address": "192.0.2.7",
    "location.country_of_residence": "USA",
    "email": "q@example.com",
    "phone_number": "+15550100",
    "id_numbers.passport": "P123",
    "id_numbers.driving_licence": "D456",
    "id_numbers.driving_licence.state_code": "NY",
    "consents.privacy_notices_read": "true",
    "consents.ssn_verification": "False",
}


def test_every_applicant_field_reaches_onfido_in_its_place(shared: World) -> None:
    claims = MAPPING | {f"urn:{name}": name for name in ENTIRE}
    provider_id = studio_provider(shared, claims)
    _, me = new_user(shared, PERSON | {f"urn:{name}": value for name, value in ENTIRE.items()})

    run_id = run_id_of(ask(me, provider_id, claims=claims))

    applicant_id = run_at_onfido(shared, run_id)["applicant_id"]
    known = read_at_onfido(shared, "applicants", applicant_id)
    assert (known["first_name"], known["last_name"], known["dob"]) == tuple(PERSON.values())
    assert known["address"] == of("address")
    assert known["location"] == of("location")
    assert (known["email"], known["phone_number"]) == ("q@example.com", "+15550100")
    by_type = {each["type"]: each for each in known["id_numbers"]}
    assert by_type == {
        "passport": {"type": "passport", "value": "P123"},
        "driving_licence": {"type": "driving_licence", "value": "D456", "state_code": "NY"},
    }
    granted = {each["name"]: each["granted"] for each in read_at_onfido(shared, "applicants", applicant_id, "consents")}
    assert granted == {"privacy_notices_read": True, "ssn_verification": False}


def of(group: str) -> dict[str, str]:
    return {name.partition(".")[2]: value for name, value in ENTIRE.items() if name.startswith(f"{group}.")}


def test_a_request_passes_the_users_consents(shared: World) -> None:
    _, me = new_user(shared)

    answer = ask(me, shared.provider_id, properties={"consents": "privacy_notices_read, phone_number_verification"})

    consents = read_at_onfido(shared, "applicants", metadata(answer)["onfido_applicant_id"], "consents")
    assert {each["name"] for each in consents if each["granted"]} == {
        "privacy_notices_read",
        "phone_number_verification",
    }
    refused = ask(new_user(shared)[1], shared.provider_id, properties={"consents": "everything"})
    assert_error(refused, 400, "IDV-10005", "consents", "everything")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("first_name", "Zebulon<b>", "it contains one of"),
        ("last_name", "Quackenbush;", "it contains one of"),
        ("dob", "7.7.77", "1990-01-31"),
        ("address.country", "Springfield", "GBR"),
        ("address.state", "New Elm", "two letters"),
        ("address.line1", "12 Elm Road!", "it contains one of"),
        ("address.postcode", "", "address.postcode"),
        ("location.country_of_residence", "Elmland", "GBR"),
        ("id_numbers.driving_licence.state_code", "N.Y.", "two letters"),
        ("consents.ssn_verification", "why not", "must be true or false"),
    ],
)
@pytest.mark.one_database
def test_values_that_onfido_would_refuse_are_refused_before_it_is_called(
    shared: World, field: str, value: str, why: str
) -> None:
    claims = MAPPING | {f"urn:{name}": name for name in ENTIRE}
    provider_id = studio_provider(shared, claims)
    [uri] = [uri for uri, name in claims.items() if name == field]
    values = PERSON | {f"urn:{name}": text for name, text in ENTIRE.items()} | {uri: value}
    user_id, me = new_user(shared, values)
    wanted = [each for each in claims if each != uri or value]
    before = calls(shared)

    described = assert_error(ask(me, provider_id, claims=wanted), 400, "OIDV-10043", f"{uri} (sent as {field})", why)

    assert not value or value not in described
    assert calls_since(shared, before) == {}
    with shared.connector.services.database.read() as connection:
        assert user_verifications.lock_all(connection, shared.tenant, user_id) == []


def test_values_that_are_not_sent_are_not_validated(shared: World) -> None:
    _, me = new_user(shared, PERSON | {BIRTH_DATE: "7.7.77"})

    assert ask(me, shared.provider_id, claims=[GIVEN_NAME, LAST_NAME]).status_code == 200
