"""The checks before the first user: verifiable claims, the environment, and the public URL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.providers.readiness import Check, Readiness, check_claims, check_environment, webhook_objection
from connector.domain.studio.studio import OutputClaim, OutputRole, Studio
from tests.domain.examples import PROVIDER


def test_every_claim_is_listed_by_the_comparison_that_can_verify_it() -> None:
    claims = dict(PROVIDER.claims) | {"born": "dob", "street": "address.street", "town": "address.town"}
    claims |= {"code": "address.postcode", "land": "address.country"}
    claims |= {"mail": "email", "phone": "phone_number", "passport": "id_numbers.passport"}
    outputs = [OutputClaim("/a", uri, OutputRole.VALUE) for uri in ("mail", "town", "expiry")]
    studio = Studio(output_claims=tuple(outputs))

    check = check_claims(replace(PROVIDER, claims=claims, studio=studio))

    assert check.passed
    assert check.detail.split(". ") == [
        "Compared with the document: given, family, born",
        "Compared with a proof of address, if the workflow requests one: street, code, land",
        "Determined by the workflow's output: town, mail, expiry",
        "Never verified, unless studio.outputClaims names the workflow's output that determines it: phone, passport.",
    ]


def test_empty_groups_are_not_reported() -> None:
    assert check_claims(PROVIDER).detail == "Compared with the document: given, family."


def test_both_names_must_be_mapped() -> None:
    check = check_claims(replace(PROVIDER, claims={"given": "first_name"}))
    assert check.passed is False
    assert "last_name" in check.detail
    assert "first_name" not in check.detail


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        (["street"], "address.postcode and address.country"),
        (["postcode", "town"], "address.country"),
        (["country"], "address.postcode"),
    ],
)
def test_an_address_that_onfido_would_never_accept_is_a_failure(fields: list[str], missing: str) -> None:
    claims = dict(PROVIDER.claims) | {name: f"address.{name}" for name in fields}
    check = check_claims(replace(PROVIDER, claims=claims))
    assert check.passed is False
    assert check.detail.endswith(f"map a claim to {missing}.")


def test_an_unknown_environment_is_not_a_failure_of_the_token() -> None:
    assert [check_environment(name).passed for name in ("sandbox", "live", None)] == [True, True, None]


@pytest.mark.parametrize("environment", ["sandbox", "live", None])
def test_results_without_effect_are_reported_with_the_environment(environment: str | None) -> None:
    assert "nothing now" not in check_environment(environment).detail
    assert "1 verification of Onfido's sandbox verifies nothing now" in check_environment(environment, 1).detail
    assert "2 verifications of Onfido's sandbox verify nothing now" in check_environment(environment, 2).detail


def test_failed_checks_are_named_but_skipped_ones_are_not() -> None:
    checks = tuple(Check(name, passed, "") for name, passed in (("a", True), ("b", None), ("c", False)))
    assert (Readiness(None, checks).passed, Readiness(None, checks).failed) == (False, ["c"])
    assert Readiness(None, checks[:2]).passed


@pytest.mark.parametrize(
    ("base_url", "url", "is_allowed"),
    [
        ("https://api.eu.onfido.com/v3.6", "https://idv.example.com/verify", True),
        ("https://api.eu.onfido.com/v3.6", "http://idv.example.com/verify", False),
        ("https://api.eu.onfido.com/v3.6", "http://127.0.0.1:8080/verify", False),
        ("http://127.0.0.1:8090/v3.6", "http://127.0.0.1:8080/verify", True),
        ("http://127.0.0.1:8090/v3.6", "http://localhost:8080/verify", True),
        ("http://127.0.0.1:8090/v3.6", "http://[::1]:8080/verify", True),
        ("http://127.0.0.1:8090/v3.6", "http://10.0.0.1/verify", False),
        ("http://127.0.0.1:8090/v3.6", "https://idv.example.com/verify", True),
    ],
)
def test_a_public_url_must_be_https_except_for_a_simulator_on_loopback(
    base_url: str, url: str, is_allowed: bool
) -> None:
    objection = webhook_objection(replace(PROVIDER, base_url=base_url), url)
    assert (objection is None) is is_allowed
    assert is_allowed or "public_url" in str(objection)
