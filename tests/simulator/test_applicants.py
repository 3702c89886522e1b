from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido


def person(**values: Any) -> onfido.ApplicantBuilder:
    return onfido.ApplicantBuilder(**{"first_name": "Ada", "last_name": "Lovelace"} | values)


def error_of(refused: onfido.ApiException) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(str(refused.body))["error"]
    return error


def test_an_applicant_is_created_with_everything_that_was_sent(vendor: onfido.DefaultApi) -> None:
    address = onfido.AddressBuilder(street="Main St", postcode="90210", country=onfido.CountryCodes.USA, state="CA")
    location = onfido.LocationBuilder(ip_address="127.0.0.1", country_of_residence=onfido.CountryCodes.GBR)
    consent = onfido.ApplicantConsentBuilder(name=onfido.ApplicantConsentName.PRIVACY_NOTICES_READ, granted=True)
    number = onfido.IdNumber(type="ssn", value="111-11-1111")
    builder = person(
        dob=date(1990, 1, 31), email="ada@example.org", phone_number="+44 1", address=address, location=location
    )
    builder.consents, builder.id_numbers = [consent], [number]

    created = vendor.create_applicant(builder)

    assert vendor.find_applicant(created.id) == created
    assert (created.first_name, created.last_name, created.dob) == ("Ada", "Lovelace", date(1990, 1, 31))
    assert created.address is not None
    assert created.address.country == "USA"
    assert created.sandbox is True
    assert created.href == f"/v3.6/applicants/{created.id}"
    assert created.delete_at is None


def test_a_live_token_makes_a_live_applicant(simulator: Simulator, http: requests.Session) -> None:
    http.headers["Authorization"] = "Token token=api_live.x"
    body = {"first_name": "Ada", "last_name": "Lovelace"}
    assert http.post(f"{simulator.api_url}/applicants", json=body, timeout=60).json()["sandbox"] is False


def test_an_update_changes_only_the_named_fields(vendor: onfido.DefaultApi) -> None:
    created = vendor.create_applicant(person(dob=date(1990, 1, 31)))

    updated = vendor.update_applicant(created.id, onfido.ApplicantUpdater(last_name="King"))

    assert (updated.first_name, updated.last_name, updated.dob) == ("Ada", "King", date(1990, 1, 31))
    assert vendor.find_applicant(created.id) == updated


def test_lists_are_paged_newest_first(vendor: onfido.DefaultApi) -> None:
    created = [vendor.create_applicant(person(first_name=name)) for name in ("One", "Two", "Three")]

    assert vendor.list_applicants().applicants == created[::-1]
    assert vendor.list_applicants(page=2, per_page=2).applicants == created[:1]
    assert vendor.list_applicants(page=3, per_page=2).applicants == []


def test_a_deleted_applicant_is_gone_until_restored(vendor: onfido.DefaultApi) -> None:
    created = vendor.create_applicant(person())
    vendor.delete_applicant(created.id)

    for attempt in (
        lambda: vendor.find_applicant(created.id),
        lambda: vendor.update_applicant(created.id, onfido.ApplicantUpdater(last_name="King")),
        lambda: vendor.delete_applicant(created.id),
    ):
        with pytest.raises(onfido.ApiException) as refused:
            attempt()
        assert refused.value.status == 410
        assert error_of(refused.value)["type"] == "gone"
    assert vendor.list_applicants().applicants == []
    assert vendor.list_applicants(include_deleted=True).applicants[0].delete_at is not None

    vendor.restore_applicant(created.id)
    assert vendor.find_applicant(created.id) == created


def test_only_a_deleted_applicant_can_be_restored(vendor: onfido.DefaultApi) -> None:
    created = vendor.create_applicant(person())
    with pytest.raises(onfido.exceptions.UnprocessableEntityException):
        vendor.restore_applicant(created.id)
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.restore_applicant(uuid.uuid4())


def test_an_unknown_applicant_is_not_found(vendor: onfido.DefaultApi) -> None:
    with pytest.raises(onfido.exceptions.NotFoundException) as refused:
        vendor.find_applicant(uuid.uuid4())
    assert error_of(refused.value)["type"] == "resource_not_found"


def test_the_vendors_client_reads_the_fields_of_a_refusal(vendor: onfido.DefaultApi) -> None:
    address = onfido.AddressBuilder(postcode="", country=onfido.CountryCodes.GBR)
    with pytest.raises(onfido.exceptions.UnprocessableEntityException) as refused:
        vendor.create_applicant(person(email="nowhere", address=address))
    error = error_of(refused.value)
    assert error["type"] == "validation_error"
    assert error["fields"] == {
        "email": ["must have the documented format"],
        "address": [{"postcode": ["must not be blank"]}],
    }
    assert refused.value.headers is not None
    assert uuid.UUID(refused.value.headers["X-Request-Id"])


def consents_of(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> dict[str, bool]:
    consents = vendor.find_applicant_consents(applicant_id)
    assert all((consent.granted_at is not None) == consent.granted for consent in consents)
    return {consent.name.value: consent.granted for consent in consents}


def test_consents_are_kept_by_name(vendor: onfido.DefaultApi) -> None:
    def consent(name: str, *, granted: bool) -> onfido.ApplicantConsentBuilder:
        return onfido.ApplicantConsentBuilder(name=onfido.ApplicantConsentName(name), granted=granted)

    created = vendor.create_applicant(
        person(consents=[consent("privacy_notices_read", granted=True), consent("ssn_verification", granted=False)])
    )
    assert consents_of(vendor, created.id) == {"privacy_notices_read": True, "ssn_verification": False}

    changes = [consent("ssn_verification", granted=True), consent("phone_number_verification", granted=True)]
    vendor.update_applicant(created.id, onfido.ApplicantUpdater(consents=changes))
    assert consents_of(vendor, created.id) == dict.fromkeys(
        ("privacy_notices_read", "ssn_verification", "phone_number_verification"), True
    )
    vendor.update_applicant(
        created.id, onfido.ApplicantUpdater(consents=[consent("privacy_notices_read", granted=False)])
    )
    assert consents_of(vendor, created.id)["privacy_notices_read"] is False


def test_an_applicant_without_consents_has_none_and_one_that_is_gone_shows_none(vendor: onfido.DefaultApi) -> None:
    created = vendor.create_applicant(person())
    assert vendor.find_applicant_consents(created.id) == []
    vendor.delete_applicant(created.id)
    with pytest.raises(onfido.ApiException) as refused:
        vendor.find_applicant_consents(created.id)
    assert refused.value.status == 410
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.find_applicant_consents(uuid.uuid4())


def test_a_change_of_consents_that_breaks_onfidos_rules_changes_nothing(
    simulator: Simulator, http: requests.Session, vendor: onfido.DefaultApi
) -> None:
    created = vendor.create_applicant(person())
    body = {"consents": [{"name": "privacy_notices_read", "granted": True}, {"name": "cookies", "granted": True}]}
    answer = http.put(f"{simulator.api_url}/applicants/{created.id}", json=body, timeout=60)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["consents"])
    assert vendor.find_applicant_consents(created.id) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", ""),
        ("first_name", 5),
        ("first_name", None),
        ("last_name", "Love<lace"),
        ("last_name", 'Love"lace'),
        ("last_name", "\ud800"),
        ("dob", "31/01/1990"),
        ("dob", "1990-02-30"),
        ("dob", "1990-W01-1"),
        ("email", "ada@"),
        ("phone_number", 441),
        ("address", "Main St"),
        ("address", {"country": "GBR"}),
        ("address", {"postcode": "SW1"}),
        ("address", {"postcode": "SW1", "country": "GB"}),
        ("address", {"postcode": "SW1", "country": "GER"}),
        ("address", {"postcode": "SW1", "country": "GBR", "street": ["Main"]}),
        ("address", {"postcode": "SW1", "country": "GBR", "line1": "Main$"}),
        ("address", {"postcode": "90210", "country": "USA", "state": "California"}),
        ("location", {"country_of_residence": "UK"}),
        ("location", []),
        ("id_numbers", {}),
        ("id_numbers", [{"type": "library_card", "value": "1"}]),
        ("id_numbers", ["1"]),
        ("id_numbers", [{"type": "ssn"}]),
        ("id_numbers", [{"type": "ssn", "value": ""}]),
        ("id_numbers", [{"type": "driving_license", "value": "1", "state_code": "California"}]),
        ("consents", [{"name": "privacy_notices_read"}]),
        ("consents", [{"name": "cookies", "granted": True}]),
        ("consents", [{"name": "privacy_notices_read", "granted": "yes"}]),
    ],
)
def test_a_value_that_breaks_onfidos_rules_is_refused_by_name(
    simulator: Simulator, http: requests.Session, field: str, value: Any
) -> None:
    body = {"first_name": "Ada", "last_name": "Lovelace"} | {field: value}
    answer = http.post(f"{simulator.api_url}/applicants", json=body, timeout=60)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["type"] == "validation_error"
    assert list(error["fields"]) == [field]
    assert error["fields"][field]


def test_a_new_applicant_needs_both_names(simulator: Simulator, http: requests.Session) -> None:
    answer = http.post(f"{simulator.api_url}/applicants", json={}, timeout=60)
    assert answer.json()["error"]["fields"] == {"first_name": ["must be given"], "last_name": ["must be given"]}


def test_fields_that_onfido_does_not_know_are_dropped(simulator: Simulator, http: requests.Session) -> None:
    body = {"first_name": "Ada", "last_name": "Lovelace", "shoe_size": 38}
    assert "shoe_size" not in http.post(f"{simulator.api_url}/applicants", json=body, timeout=60).json()


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=-1", "include_deleted=maybe", "page=" + "9" * 5000])
def test_a_list_refuses_invalid_paging_parameters(simulator: Simulator, http: requests.Session, query: str) -> None:
    assert http.get(f"{simulator.api_url}/applicants?{query}", timeout=60).status_code == 422


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_a_bad_request(
    simulator: Simulator, http: requests.Session, body: bytes
) -> None:
    for url in (f"{simulator.api_url}/applicants", f"{simulator.url}/simulator/runs/x/outcome"):
        answer = http.post(url, data=body, timeout=60)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "bad_request"


def test_a_run_keeps_its_applicant_current(
    simulator: Simulator, http: requests.Session, new_run: Callable[..., dict[str, Any]]
) -> None:
    run = new_run(last_name="Byron")
    url = f"{simulator.api_url}/applicants/{run['applicant_id']}"
    http.put(url, json={"last_name": "Lovelace"}, timeout=60).raise_for_status()
    assert "Ada Lovelace" in http.get(run["link"]["url"], timeout=60).text
