"""Workflows with a proof of address besides the document: the one that decides on each claim."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bodies import config_properties, event_body
from tests.contract.studio import ask
from tests.contract.wire import PERSON, answer_on, further, new_provider, new_user
from tests.harness import Caller, World, run_id_of, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

POSTCODE, COUNTRY = (f"http://wso2.org/claims/{name}" for name in ("postalcode", "country"))
ADDRESS = {POSTCODE: "ZZ9 9ZZ", COUNTRY: "GBR"}
CLAIMS = MAPPING | {POSTCODE: "address.postcode", COUNTRY: "address.country"}


def report(name: str, **findings: str | None) -> dict[str, Any]:
    breakdown: Any = {key: {"result": result, "properties": {}} for key, result in findings.items()}
    return {"name": name, "breakdown": {"data_comparison": {"result": "clear", "breakdown": breakdown}}}


PASSPORT = report("document", first_name="clear", last_name="clear", date_of_birth="clear")
BILL = report("proof_of_address", first_name="unidentified", last_name="consider", address="clear")


@pytest.fixture(scope="module")
def provider_id(shared: World) -> str:
    mapping = [{"localClaim": uri, "idvpClaim": name} for uri, name in CLAIMS.items()]
    properties = config_properties(shared.simulator, webhook_token=shared.webhook_token)
    return new_provider(shared, claims=mapping, configProperties=properties)


def start(world: World, provider_id: str) -> tuple[Caller, str]:
    _, me = new_user(world, PERSON | ADDRESS)
    return me, run_id_of(ask(me, provider_id, claims=CLAIMS))


def post(world: World, provider_id: str, run_id: str, output: Any) -> None:
    answer = world.post_event(event_body(run_id, output=output), provider_id=provider_id)
    assert answer.status_code == 200, answer.text


def reasons(me: Caller) -> dict[str, str | None]:
    return {uri: claim["claimMetadata"].get("onfido_verification_status") for uri, claim in me.claims().items()}


@pytest.mark.parametrize(
    "output", [{"a": PASSPORT, "b": BILL}, *further({"a": BILL, "b": PASSPORT}, [[BILL], {"x": PASSPORT}])]
)
def test_the_document_decides_on_the_names_and_the_proof_on_the_address(
    shared: World, provider_id: str, output: Any
) -> None:
    me, run_id = start(shared, provider_id)

    post(shared, provider_id, run_id, output)

    assert verified(me.claims()) == set(CLAIMS)


def test_the_document_and_the_proof_decide_only_on_their_own_claims(shared: World, provider_id: str) -> None:
    me, run_id = start(shared, provider_id)
    document = report("document", first_name="consider", last_name="clear")
    proof = report("proof_of_address", first_name="clear", last_name="clear", address="consider")

    post(shared, provider_id, run_id, [document, proof])

    assert verified(me.claims()) == {LAST_NAME}
    assert reasons(me) == {
        GIVEN_NAME: "consider",
        LAST_NAME: "clear",
        BIRTH_DATE: "not_compared",
        POSTCODE: "consider",
        COUNTRY: "consider",
    }


def test_the_document_is_fetched_if_the_output_has_only_the_proof(shared: World, provider_id: str) -> None:
    me, run_id = start(shared, provider_id)
    shared.outcome(run_id, output={"poa": BILL})

    answer_on(ask(me, provider_id, "COMPLETED", claims=CLAIMS), 200)

    assert verified(me.claims()) == set(CLAIMS)


def test_the_document_is_fetched_later_if_the_event_has_only_the_proof(shared: World, provider_id: str) -> None:
    me, run_id = start(shared, provider_id)
    shared.outcome(run_id, output={"poa": BILL})

    post(shared, provider_id, run_id, {"poa": BILL})

    shared.wait_until(lambda: verified(me.claims()) == set(CLAIMS))


def test_a_signed_event_without_a_document_ends_a_run_that_is_still_open_at_onfido(
    shared: World, provider_id: str
) -> None:
    me, run_id = start(shared, provider_id)

    post(shared, provider_id, run_id, {"poa": BILL})

    shared.wait_until(lambda: reasons(me)[GIVEN_NAME] is not None)
    assert verified(me.claims()) == {POSTCODE, COUNTRY}
    assert reasons(me)[LAST_NAME] == "consider", "there is no document that would judge it"
