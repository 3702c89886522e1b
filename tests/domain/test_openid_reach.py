"""Whether the requests of an OpenID client can ever succeed, and the advice if not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.domain.openid.clients import ClientConfig
from connector.domain.openid.reach import check_reach
from connector.domain.studio.studio import OutputClaim, OutputRole
from connector.errors import InvalidField
from tests.domain.examples import PROVIDER

NAMES = {
    "given": "given_name",
    "family": "family_name",
    "born": "birthdate",
    "mail": "email",
    "town": "address.locality",
    "state": "address.region",
    "code": "address.postal_code",
    "land": "address.country",
}
PERSON = {"given": "first_name", "family": "last_name", "born": "dob", "mail": "email"}
PART = {"town": "address.town", "state": "address.state"}
WHOLE = PART | {"code": "address.postcode", "land": "address.country"}


def check(mapping: dict[str, str], profile: str, *claims: str, **changes: Any) -> None:
    config = ClientConfig("Example", profile, "p", ("https://app.example/cb",), claims)
    check_reach(config, replace(PROVIDER, claims=mapping, **changes), NAMES)


@pytest.mark.parametrize(
    ("mapping", "profile", "claims"),
    [
        (PERSON, "okta", ()),
        (PERSON, "okta", ("given_name", "family_name")),
        (PERSON, "okta", ("given_name", "family_name", "email")),  # the email address is returned as not verified
        (PERSON, "ida", ("birthdate",)),  # the directory has the names
        (PERSON | PART, "okta", ()),  # a request without the address succeeds
        (PERSON | WHOLE, "ida", ("address.locality",)),  # the directory has the rest of the address
        (PERSON | WHOLE, "okta", ("given_name", "family_name", "address.postal_code", "address.country")),
    ],
    ids=str,
)
def test_a_client_whose_requests_can_succeed_is_accepted(
    mapping: dict[str, str], profile: str, claims: tuple[str, ...]
) -> None:
    check(mapping, profile, *claims)


@pytest.mark.parametrize(
    ("mapping", "profile", "claims", "words"),
    [
        (PERSON, "okta", ("given_name",), "claims: must also include family_name"),
        (PERSON, "okta", ("birthdate",), "claims: must also include family_name, given_name"),
        (PERSON, "ida", ("email",), "claims: must include one of birthdate, family_name, given_name"),
        (PERSON, "ida", ("address.locality", "address.region"), "never verifies address.locality, address.region"),
        (PERSON | WHOLE, "okta", ("address.locality",), "claims: must also include family_name, given_name"),
        (
            PERSON | WHOLE,
            "okta",
            ("given_name", "family_name", "address.region"),
            "claims: must also include address.country, address.postal_code",
        ),
        (PERSON | PART, "ida", ("address.locality",), "no claim to address.postcode, address.country"),
        (PERSON | PART | {"land": "address.country"}, "ida", ("address.country",), "no claim to address.postcode"),
        ({"mail": "email"}, "ida", (), "idVProviderId: must verify a claim"),
        ({"unknown": "first_name"}, "ida", (), "idVProviderId: must verify a claim"),
        ({"unknown": "last_name", "given": "first_name"}, "okta", (), "idVProviderId: must map a claim of OpenID to"),
    ],
    ids=str,
)
def test_a_client_that_can_never_succeed_is_refused_with_advice(
    mapping: dict[str, str], profile: str, claims: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        check(mapping, profile, *claims)
    assert words in f"{refused.value.where}: {refused.value.why}"


def test_a_claim_that_only_the_workflow_returns_can_be_verified() -> None:
    output = OutputClaim("/email", "mail", OutputRole.RESULT)
    check(PERSON, "ida", "email", studio=replace(PROVIDER.studio, output_claims=(output,)))


def test_a_person_with_one_name_is_sent_with_a_placeholder() -> None:
    check(PERSON, "okta", "given_name", missing_name="repeat")
