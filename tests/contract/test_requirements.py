"""A refusal states the required value, not the given one: "type: must be ONFIDO" for another type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import pytest

from tests.bodies import config_properties, provider_body
from tests.contract.wire import PROVIDERS, USERS, assert_error, entry, new_user, on_sqlite
from tests.harness import Caller, World
from tests.values import GIVEN_NAME

pytestmark = on_sqlite

# The property, possibly nested, and its requirement; several in one sentence.
REQUIREMENT = re.compile(r"(?:(?:[\w.]+: )+[^;]*?must [^;]+; )*(?:[\w.]+: )+[^;]*?must .+\.", re.DOTALL)


OURS = ("connector.api.", "connector.signals.")


def fields_of(schema: type[ma.Schema]) -> Iterator[ma.fields.Field[Any]]:
    """Return every field of a schema and of its subclasses, with the elements of lists."""
    for each in schema.__subclasses__():
        waiting = list(each().fields.values()) if each.__module__.startswith(OURS) else []
        while waiting:
            field = waiting.pop()
            yield field
            waiting += [field.inner] if isinstance(field, ma.fields.List) else []
        yield from fields_of(each)


@pytest.mark.usefixtures("shared")  # whose application has imported every schema
def test_every_field_states_its_requirement() -> None:
    known = list(fields_of(ma.Schema))
    refusals = {(type(each), key): text for each in known for key, text in each.error_messages.items()}
    never = {"format", "invalid_awareness"}  # of times: only writing, and times whose zone the field itself adds
    wrong = {key: text for key, text in refusals.items() if key[1] not in never and not str(text).startswith("must ")}

    assert len(known) > 100
    assert wrong == {}


def properties(world: World, **changes: Any) -> dict[str, Any]:
    return {"configProperties": config_properties(world.simulator, **changes)}


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "EVIDENT"},
        {"type": 5},
        {"type": None},
        {"name": ""},
        {"name": " \t"},
        {"name": "x" * 256},
        {"name": ["Onfido"]},
        {"name": "nul\0"},
        {"isEnabled": "true"},
        {"isEnabled": None},
        {"claims": {}},
        {"claims": "first_name"},
        {"claims": [5]},
        {"claims": [{}]},
        {"claims": [{"localClaim": " ", "idvpClaim": "first_name"}]},
        {"claims": [{"localClaim": "given", "idvpClaim": "first_name"}] * 2},
        {"claims": [{"localClaim": "given", "idvpClaim": "shoe_size"}]},
        {"claims": []},
        {"claims": [{"localClaim": str(at), "idvpClaim": "dob"} for at in range(101)]},
        {"configProperties": 5},
        {"configProperties": [{"value": "x"}]},
        {"configProperties": [{"key": "token", "value": 5}]},
        {"configProperties": [{"key": "token", "value": "x", "isSecret": "yes"}]},
        {"configProperties": [{"key": "colour", "value": "red"}]},
        {"configProperties": []},
        {"studio": []},
        {"studio": {"capture": "letter"}},
        {"studio": {"customData": [{"name": "x", "type": "text"}]}},
        {"studio": {"customData": [{"name": "1x", "type": "string"}]}},
        {"studio": {"customData": [{"name": "x", "type": "string", "value": {}}]}},
        {"studio": {"link": {"lifetime": "soon"}}},
        {"studio": {"link": {"lifetime": 0}}},
        {"studio": {"link": {"redirectUrls": ["http://app.example.com"]}}},
        {"studio": {"link": {"completedRedirectUrl": "https://app.example.com"}}},
        {"studio": {"link": {"language": "tlh"}}},
        {"studio": {"notices": {"url": "https://app.example.com"}}},
        {"studio": {"notices": {"tasks": ["score"]}}},
        {"studio": {"outputClaims": [{"pointer": "x", "localClaim": "y", "as": "value"}]}},
        {"studio": {"outputClaims": [{"pointer": "/x", "localClaim": "", "as": "result"}]}},
        {"studio": {"sdk": {"referrer": "x", "applicationId": "y"}}},
        {"studio": {"sdk": {"referrer": " "}}},
        {"studio": {"tags": ["a,b"]}},
        {"studio": {"tags": [str(at) for at in range(30)]}},
        {"studio": {"tags": ["idvp-connector:x"]}},
    ],
)
def test_provider_error_states_the_requirement(shared: World, admin: Caller, changes: dict[str, Any]) -> None:
    description = assert_error(admin.post(PROVIDERS, provider_body(shared.simulator) | changes), 400, "IDVP-60002")

    assert REQUIREMENT.fullmatch(description), description


@pytest.mark.parametrize(
    "changes",
    [
        {"token": None},
        {"token": "tökén"},
        {"webhook_token": "short"},
        {"notice_secret": "whsec_short"},
        {"workflow_id": None},
        {"workflow_id": "my workflow"},
        {"base_url": "http://api.eu.onfido.com/v3.6"},
        {"base_url": "https://evil.example/"},
        {"base_url": "eu"},
        {"max_attempts": "0"},
        {"max_attempts": "some"},
        {"attempt_window": "-1"},
    ],
)
def test_configuration_property_error_states_the_requirement(
    shared: World, admin: Caller, changes: dict[str, str | None]
) -> None:
    body = provider_body(shared.simulator) | properties(shared, **changes)

    description = assert_error(admin.post(PROVIDERS, body), 400, "IDVP-60002", *changes)

    assert REQUIREMENT.fullmatch(description), description


def test_error_of_a_changed_type_states_the_requirement(shared: World, admin: Caller) -> None:
    body = provider_body(shared.simulator, type="EVIDENT")

    description = assert_error(admin.put(f"{PROVIDERS}/{shared.provider_id}", body), 400, "IDVP-60003")

    assert description == "type: must stay ONFIDO."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "some"),
        ("limit", "-1"),
        ("limit", "\u0663"),
        ("limit", "1_0"),
        ("offset", "some"),
        ("offset", "-1"),
        ("filter", "name gt x"),
        ("filter", "colour eq x"),
        ("filter", "name eq a or name eq b"),
        ("filter", "isEnabled eq yes"),
        ("filter", "x" * 1025),
    ],
)
def test_query_error_states_the_requirement(admin: Caller, name: str, value: str) -> None:
    description = assert_error(admin.get(PROVIDERS, params={name: value}), 400, "IDVP-60004", name)

    assert REQUIREMENT.fullmatch(description), description


@pytest.mark.parametrize(
    "changes",
    [
        {"idVProviderId": None},
        {"idVProviderId": 5},
        {"claims": GIVEN_NAME},
        {"claims": [5]},
        {"claims": ["x"] * 101},
        {"properties": "INITIATED"},
        {"properties": [{"value": "INITIATED"}]},
        {"properties": [{"key": "status", "value": 5}]},
        {"properties": [{"key": "status", "value": "INITIATED"}] * 2},
        {"properties": [{"key": "status", "value": "DONE"}]},
        {"properties": []},
        {"properties": {"capture": "letter"}},
        {"properties": {"consents": "everything"}},
        {"properties": {"custom_data.x": "y"}},
        {"properties": {"tags": "idvp-connector:x"}},
        {"properties": {"capture": "link", "link_lifetime": "soon"}},
        {"properties": {"capture": "link", "link_lifetime": "0"}},
        {"properties": {"capture": "link", "language": "tlh"}},
        {"properties": {"capture": "link", "completed_redirect_url": "https://app.example.com"}},
        {"properties": {"referrer": "x", "application_id": "y"}},
    ],
)
def test_verification_error_states_the_requirement(shared: World, changes: dict[str, Any]) -> None:
    _, me = new_user(shared)
    properties = changes.get("properties", [])
    if isinstance(properties, dict):
        properties = [{"key": key, "value": value} for key, value in ({"status": "INITIATED"} | properties).items()]
    body = {"idVProviderId": shared.provider_id, "claims": [GIVEN_NAME]} | changes | {"properties": properties}

    description = assert_error(me.post(f"{USERS}/me/idv/verify", body), 400)

    assert REQUIREMENT.fullmatch(description), description


@pytest.mark.parametrize(
    "body",
    [
        {},
        [5],
        [{}],
        [{"uri": "", "idVProviderId": "x"}],
        [{"uri": "x", "idVProviderId": "x", "isVerified": "yes"}],
        [{"uri": "x", "idVProviderId": "x", "claimMetadata": []}],
        [{"uri": "x", "idVProviderId": "x", "claimMetadata": {"sdk_token": "x"}}],
        [{"uri": "x", "idVProviderId": "x", "claimMetadata": {"x": "y" * 9000}}],
    ],
)
def test_claims_error_states_the_requirement(shared: World, admin: Caller, body: Any) -> None:
    user_id, _ = new_user(shared)

    for method in ("POST", "PUT"):
        answer = admin.request(method, f"{USERS}/{user_id}/idv/claims", json=body)
        description = assert_error(answer, 400, "IDV-10005")
        assert REQUIREMENT.fullmatch(description), description


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 100 + b"]" * 100, b'{"a": 1e999}'])
def test_body_error_states_the_requirement(shared: World, admin: Caller, raw: bytes) -> None:
    user_id, _ = new_user(shared)

    description = assert_error(admin.request("POST", f"{USERS}/{user_id}/idv/claims", data=raw), 400, "IDV-10005")

    assert description.startswith("body: must ")


def test_a_claim_named_twice_is_refused(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    both = [entry(shared.provider_id), entry(shared.provider_id)]

    description = assert_error(admin.request("PUT", f"{USERS}/{user_id}/idv/claims", json=both), 400, "IDV-10005")

    assert "must" in description
