"""A client that was written for WSO2 Identity Server's API definitions alone works with the connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.bodies import API_TOKEN, WORKFLOW_ID, config_properties, event_body, provider_body, sign
from tests.contract.wire import (
    MASK,
    WEBHOOK_TOKEN,
    answer_on,
    assert_claim,
    assert_error,
    assert_provider,
    assert_verification,
    further,
    new_user,
)
from tests.harness import ADMIN_SCOPES, World
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}


class Wso2Client:
    """A client for `https://{server-url}/t/{tenant-domain}`, as in WSO2's definitions."""

    def __init__(self, server_url: str, tenant_domain: str, token: str) -> None:
        self.root = f"{server_url}/t/{tenant_domain}"
        self.session = requests.Session()
        self.session.headers.update({"Authorization": token, "Accept": "application/json"})

    def providers(self, method: str, path: str = "", **options: Any) -> requests.Response:
        return self._ask(method, f"/api/server/v1/idv-providers{path}", **options)

    def users(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._ask(method, f"/api/users/v1{path}", **options)

    def verify(self, user: str, provider_id: str, claims: list[str], status: str) -> requests.Response:
        body = {
            "idVProviderId": provider_id,
            "claims": claims,
            "properties": [{"key": "status", "value": status}],
        }
        return self.users("POST", f"/{user}/idv/verify", json=body)

    def post_event(self, provider_id: str, body: bytes, token: str) -> requests.Response:
        headers = {"X-SHA2-Signature": sign(body, token), "Content-Type": "application/json"}
        return requests.post(f"{self.root}/idv/onfido/v1/{provider_id}/verify", data=body, headers=headers, timeout=60)

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.root + path, timeout=60, **options)


@pytest.fixture(params=["carbon.super", "acme.example"])
def tenant(request: pytest.FixtureRequest, shared: World) -> World:
    """A tenant of the shared connector, without a provider of its own."""
    return World(shared.connector, shared.simulator, shared.clock, tenant=request.param)


@pytest.fixture
def admin(tenant: World) -> Iterator[Wso2Client]:
    token = tenant.connector.caller("admin", ADMIN_SCOPES, tenant.tenant).headers["Authorization"]
    client = Wso2Client(tenant.connector.url, tenant.tenant, token)
    with client.session:
        yield client


@pytest.fixture
def provider(tenant: World, admin: Wso2Client) -> Iterator[dict[str, Any]]:
    """A provider, as it was answered when it was registered."""
    properties = config_properties(tenant.simulator, webhook_token=WEBHOOK_TOKEN)
    answer = admin.providers("POST", json=provider_body(tenant.simulator, name="Of WSO2", configProperties=properties))
    body = answer_on(answer, 201)
    yield body
    admin.providers("DELETE", f"/{body['id']}")


@pytest.fixture
def user_id(tenant: World) -> str:
    return new_user(tenant)[0]


@pytest.fixture
def me(tenant: World, user_id: str) -> Iterator[Wso2Client]:
    token = tenant.connector.as_user(user_id, tenant.tenant).headers["Authorization"]
    client = Wso2Client(tenant.connector.url, tenant.tenant, token)
    with client.session:
        yield client


def metadata_of(claims: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the metadata that all of the claims share."""
    first: dict[str, Any] = claims[0]["claimMetadata"]
    assert all(claim["claimMetadata"] == first for claim in claims)
    return first


def test_a_registered_provider_is_found_at_its_location(admin: Wso2Client, tenant: World) -> None:
    answer = admin.providers("POST", json=provider_body(tenant.simulator, image="https://example.com/logo.svg"))

    body = answer_on(answer, 201)
    assert_provider(body)
    assert body["name"] == "Onfido"
    assert body["image"] == "https://example.com/logo.svg"
    assert {claim["localClaim"]: claim["idvpClaim"] for claim in body["claims"]} == MAPPING
    found = admin.session.get(answer.headers["Location"], timeout=60)
    assert answer_on(found, 200) == body
    assert answer_on(admin.providers("GET", f"/{body['id']}"), 200) == body
    assert admin.providers("DELETE", f"/{body['id']}").status_code == 204


def test_the_list_is_filtered_and_paged(admin: Wso2Client, tenant: World) -> None:
    names = [f"Paged {number}" for number in range(5)]
    ids = [
        answer_on(admin.providers("POST", json=provider_body(tenant.simulator, name=name)), 201)["id"] for name in names
    ]

    query = {"filter": "name sw paged and isEnabled eq true", "limit": 2, "offset": 2}
    page = answer_on(admin.providers("GET", params=query), 200)
    filtered = answer_on(admin.providers("GET", params={"filter": 'name eq "Paged 3"'}), 200)

    assert set(page) == {"totalResults", "startIndex", "count", "identityVerificationProviders"}
    assert (page["totalResults"], page["startIndex"], page["count"]) == (5, 3, 2)
    assert [each["id"] for each in page["identityVerificationProviders"]] == ids[2:4]
    assert [each["name"] for each in filtered["identityVerificationProviders"]] == ["Paged 3"]
    for each in page["identityVerificationProviders"]:
        assert_provider(each)
    for provider_id in ids:
        admin.providers("DELETE", f"/{provider_id}")


def test_a_provider_can_be_put_back_as_returned_and_keeps_its_secrets(
    admin: Wso2Client, me: Wso2Client, provider: dict[str, Any]
) -> None:
    answered = answer_on(admin.providers("GET", f"/{provider['id']}"), 200)

    put = admin.providers("PUT", f"/{provider['id']}", json=answered | {"description": "changed"})

    assert answer_on(put, 200) == answered | {"description": "changed"}
    started = me.verify("me", provider["id"], list(MAPPING), "INITIATED")  # Onfido still takes the API token
    run_id = answer_on(started, 200)["claims"][0]["claimMetadata"]["onfido_workflow_run_id"]
    event = event_body(run_id, comparisons=CLEAR)
    assert admin.post_event(provider["id"], event, WEBHOOK_TOKEN).status_code == 200


def test_the_console_shows_the_provider_as_configured_and_edits_it(
    admin: Wso2Client, me: Wso2Client, provider: dict[str, Any], tenant: World
) -> None:
    """It sends all that it shows, the masks included, and disables and enables the provider in the same way."""
    shown = answer_on(admin.providers("GET", f"/{provider['id']}"), 200)
    secrets = {item["key"]: item["value"] for item in shown["configProperties"] if item["isSecret"]}
    assert secrets == {"token": MASK, "webhook_token": MASK}

    for changes in ({"description": "edited"}, {"isEnabled": False}, {"isEnabled": True, "image": "logo.svg"}):
        shown = answer_on(admin.providers("PUT", f"/{provider['id']}", json=shown | changes), 200)
        assert {name: shown[name] for name in changes} == changes

    run_id = metadata_of(answer_on(me.verify("me", provider["id"], [GIVEN_NAME], "INITIATED"), 200)["claims"])[
        "onfido_workflow_run_id"
    ]
    event = event_body(run_id, comparisons=CLEAR)
    assert admin.post_event(provider["id"], event, WEBHOOK_TOKEN).status_code == 200


def test_the_console_registers_a_provider_with_empty_fields(admin: Wso2Client, tenant: World) -> None:
    properties = [
        {"key": "token", "value": API_TOKEN, "isSecret": True},
        {"key": "webhook_token", "value": "", "isSecret": True},
        {"key": "base_url", "value": f" {tenant.simulator.api_url} ", "isSecret": False},
        {"key": "workflow_id", "value": f"{WORKFLOW_ID}\n", "isSecret": None},
    ]
    body = provider_body(tenant.simulator, name="From the Console", image=None, configProperties=properties)

    added = answer_on(admin.providers("POST", json=body), 201)

    assert_provider(added)
    assert {item["key"] for item in added["configProperties"] if item["isSecret"]} == {"token"}
    assert admin.providers("DELETE", f"/{added['id']}").status_code == 204


def test_the_console_searches_for_several_words_and_beyond_the_page_limit(admin: Wso2Client, tenant: World) -> None:
    names = ["Onfido for customers", "Onfido and friends", "onfido for staff"]
    ids = [
        answer_on(admin.providers("POST", json=provider_body(tenant.simulator, name=name)), 201)["id"] for name in names
    ]

    def found(text: str) -> set[str]:
        page = answer_on(admin.providers("GET", params={"filter": text, "limit": 100_000}), 200)
        return {each["name"] for each in page["identityVerificationProviders"]}

    assert found("name co Onfido FOR") == {names[0], names[2]}
    assert found("name co onfido for customers") == {names[0]}
    assert found("name eq onfido and friends") == {names[1]}
    assert found("name sw onfido for and isEnabled eq true and name ew staff") == {names[2]}
    for provider_id in ids:
        admin.providers("DELETE", f"/{provider_id}")


@pytest.mark.parametrize("blank", ["", *further(" ", "\t")])
def test_a_blank_provider_id_means_all_providers(
    admin: Wso2Client, me: Wso2Client, user_id: str, provider: dict[str, Any], blank: str
) -> None:
    me.verify("me", provider["id"], list(MAPPING), "INITIATED")

    for client, path in ((me, "/me/idv/claims"), (admin, f"/{user_id}/idv/claims")):
        claims = answer_on(client.users("GET", path, params={"idVProviderId": blank}), 200)
        assert {claim["uri"] for claim in claims} == set(MAPPING)


@pytest.mark.parametrize("status", [{"value": None}, {}, {"value": ""}, {"value": " "}])
@pytest.mark.one_database
def test_a_status_without_a_value_counts_as_missing(
    me: Wso2Client, provider: dict[str, Any], status: dict[str, Any]
) -> None:
    properties = [{"key": "status"} | status, {"key": "tags", "value": None}]
    body = {"idVProviderId": provider["id"], "claims": [GIVEN_NAME], "properties": properties}

    assert_error(me.users("POST", "/me/idv/verify", json=body), 400, "OIDV-10000", "status")


def test_secrets_left_out_of_a_put_are_kept(
    admin: Wso2Client, me: Wso2Client, provider: dict[str, Any], tenant: World
) -> None:
    plain = [item for item in config_properties(tenant.simulator) if item["key"] != "token"]
    body = provider_body(tenant.simulator, name=provider["name"], configProperties=plain)

    put = answer_on(admin.providers("PUT", f"/{provider['id']}", json=body), 200)

    assert {item["key"] for item in put["configProperties"] if item["isSecret"]} == {"token", "webhook_token"}
    assert me.verify("me", provider["id"], [GIVEN_NAME], "INITIATED").status_code == 200


def test_a_signed_in_user_is_verified(
    admin: Wso2Client, me: Wso2Client, provider: dict[str, Any], tenant: World
) -> None:
    uris = [GIVEN_NAME, BIRTH_DATE]
    started = me.verify("me", provider["id"], uris, "INITIATED")
    metadata = metadata_of(assert_verification(answer_on(started, 200), provider["id"], uris, has_sdk_token=True))
    assert metadata["onfido_workflow_status"] == "awaiting_input"
    assert set(metadata) >= {"onfido_applicant_id", "onfido_workflow_run_id"}

    resumed = me.verify("me", provider["id"], uris, "REINITIATED")
    again = metadata_of(assert_verification(answer_on(resumed, 200), provider["id"], uris, has_sdk_token=True))
    assert again["onfido_workflow_run_id"] == metadata["onfido_workflow_run_id"]

    tenant.outcome(metadata["onfido_workflow_run_id"], status="approved", comparisons={"date_of_birth": "consider"})
    completed = me.verify("me", provider["id"], uris, "COMPLETED")
    claims = {claim["uri"]: claim for claim in assert_verification(answer_on(completed, 200), provider["id"], uris)}
    assert claims[GIVEN_NAME]["isVerified"]
    assert not claims[BIRTH_DATE]["isVerified"]
    assert claims[BIRTH_DATE]["claimMetadata"]["onfido_verification_status"] == "consider"
    assert set(claims[GIVEN_NAME]["claimMetadata"]) == {
        "onfido_applicant_id",
        "onfido_workflow_run_id",
        "onfido_workflow_status",
        "onfido_verification_status",
        "onfido_completed_at",
    }
    assert claims[GIVEN_NAME]["claimMetadata"]["onfido_workflow_status"] == "approved"


def test_a_user_named_by_id_is_verified(admin: Wso2Client, user_id: str, provider: dict[str, Any]) -> None:
    started = admin.verify(user_id, provider["id"], list(MAPPING), "INITIATED")
    first = assert_verification(answer_on(started, 200), provider["id"], MAPPING, has_sdk_token=True)
    resumed = admin.verify(user_id, provider["id"], list(MAPPING), "REINITIATED")
    assert_verification(answer_on(resumed, 200), provider["id"], MAPPING, has_sdk_token=True)

    event = event_body(metadata_of(first)["onfido_workflow_run_id"], comparisons=CLEAR)
    assert admin.post_event(provider["id"], event, WEBHOOK_TOKEN).status_code == 200

    completed = admin.verify(user_id, provider["id"], list(MAPPING), "COMPLETED")
    claims = assert_verification(answer_on(completed, 200), provider["id"], MAPPING)
    assert all(claim["isVerified"] for claim in claims)
    assert metadata_of(claims)["onfido_completed_at"] == "2026-01-02T03:04:05Z"


def test_a_lower_case_status_is_accepted(me: Wso2Client, provider: dict[str, Any]) -> None:
    assert me.verify("me", provider["id"], [GIVEN_NAME], "initiated").status_code == 200
    assert me.verify("me", provider["id"], [GIVEN_NAME], "Reinitiated").status_code == 200
    assert me.verify("me", provider["id"], [GIVEN_NAME], "completed").status_code == 200


def test_claims_are_read_as_a_list_and_as_one_object(
    admin: Wso2Client, me: Wso2Client, user_id: str, provider: dict[str, Any]
) -> None:
    assert answer_on(me.users("GET", "/me/idv/claims"), 200) == []
    me.verify("me", provider["id"], list(MAPPING), "INITIATED")

    claims = answer_on(me.users("GET", "/me/idv/claims"), 200)

    assert {claim["uri"] for claim in claims} == set(MAPPING)
    for claim in claims:
        assert_claim(claim)
        assert answer_on(me.users("GET", f"/me/idv/claims/{claim['id']}"), 200) == claim
        assert answer_on(admin.users("GET", f"/{user_id}/idv/claims/{claim['id']}"), 200) == claim
    assert answer_on(admin.users("GET", f"/{user_id}/idv/claims"), 200) == claims
    of_provider = admin.users("GET", f"/{user_id}/idv/claims", params={"idVProviderId": provider["id"]})
    assert answer_on(of_provider, 200) == claims


def test_an_administrator_adds_and_updates_claims(admin: Wso2Client, user_id: str, provider: dict[str, Any]) -> None:
    path = f"/{user_id}/idv/claims"
    metadata = {"source": "ONFIDO", "trackingId": "123e4567-e89b-12d3-a456-556642440000", "nested": {"list": [1, None]}}
    claims = [
        {"uri": uri, "isVerified": False, "idVProviderId": provider["id"], "claimMetadata": metadata}
        for uri in (GIVEN_NAME, LAST_NAME)
    ]

    added = answer_on(admin.users("POST", path, json=claims), 201)
    for claim in added:
        assert_claim(claim)
        assert claim["claimMetadata"] == metadata
    assert {claim["uri"]: claim["isVerified"] for claim in added} == {GIVEN_NAME: False, LAST_NAME: False}

    put = answer_on(admin.users("PUT", path, json=[claim | {"isVerified": True} for claim in claims]), 201)
    assert {claim["id"]: claim["isVerified"] for claim in put} == {claim["id"]: True for claim in added}

    one = {"isVerified": False, "claimMetadata": {"source": "desk"}}
    updated = answer_on(admin.users("PUT", f"{path}/{added[0]['id']}", json=one), 200)
    assert updated == added[0] | one
    assert answer_on(admin.users("GET", f"{path}/{added[0]['id']}"), 200) == updated


def test_claims_can_be_put_back_as_returned(
    admin: Wso2Client, me: Wso2Client, user_id: str, provider: dict[str, Any]
) -> None:
    started = me.verify("me", provider["id"], [GIVEN_NAME], "INITIATED")
    run_id = metadata_of(answer_on(started, 200)["claims"])["onfido_workflow_run_id"]
    admin.post_event(provider["id"], event_body(run_id, comparisons=CLEAR), WEBHOOK_TOKEN)
    answered = answer_on(admin.users("GET", f"/{user_id}/idv/claims"), 200)

    assert answer_on(admin.users("PUT", f"/{user_id}/idv/claims", json=answered), 201) == answered


def test_a_deleted_provider_is_not_found(admin: Wso2Client, provider: dict[str, Any]) -> None:
    answer = admin.providers("DELETE", f"/{provider['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert admin.providers("GET", f"/{provider['id']}").status_code == 404
    assert admin.providers("DELETE", f"/{provider['id']}").status_code == 404


def test_a_request_without_content_type_is_accepted(admin: Wso2Client, tenant: World) -> None:
    body = requests.Request("POST", "http://x", json=provider_body(tenant.simulator, name="Plain")).prepare().body

    answer = admin.providers("POST", data=body)

    assert answer.request.headers.get("Content-Type") is None
    admin.providers("DELETE", f"/{answer_on(answer, 201)['id']}")


def test_the_location_contains_the_tenant(admin: Wso2Client, tenant: World, provider: dict[str, Any]) -> None:
    put = admin.providers("PUT", f"/{provider['id']}", json=provider)

    prefix = "" if tenant.tenant == "carbon.super" else f"/t/{tenant.tenant}"
    assert urlsplit(put.headers["Location"]).path == f"{prefix}/api/server/v1/idv-providers/{provider['id']}"
