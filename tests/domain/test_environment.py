"""Onfido's environments: which results count, and which runs belong to another one."""

from __future__ import annotations

import pytest

from connector.domain.environment import LIVE, SANDBOX, combined, counts, is_elsewhere

ENVIRONMENTS = (SANDBOX, LIVE, None)


@pytest.mark.parametrize("of_provider", ENVIRONMENTS)
def test_live_results_always_count(of_provider: str | None) -> None:
    assert counts(LIVE, of_provider)
    assert counts(None, of_provider)


def test_sandbox_results_count_only_while_the_provider_uses_the_sandbox() -> None:
    assert [counts(SANDBOX, of_provider) for of_provider in ENVIRONMENTS] == [True, False, False]


def test_an_environment_differs_only_if_both_are_known() -> None:
    pairs = [(of_run, of_provider) for of_run in ENVIRONMENTS for of_provider in ENVIRONMENTS]
    assert [pair for pair in pairs if is_elsewhere(*pair)] == [(SANDBOX, LIVE), (LIVE, SANDBOX)]


@pytest.mark.parametrize(
    ("of_applicant", "of_credentials", "expected"),
    [
        (SANDBOX, SANDBOX, SANDBOX),
        (SANDBOX, LIVE, SANDBOX),
        (LIVE, SANDBOX, SANDBOX),
        (SANDBOX, None, SANDBOX),
        (None, SANDBOX, SANDBOX),
        (LIVE, None, LIVE),
        (None, LIVE, LIVE),
        (LIVE, LIVE, LIVE),
        (None, None, None),
    ],
)
def test_an_applicant_and_credentials_of_different_environments_mean_the_sandbox(
    of_applicant: str | None, of_credentials: str | None, expected: str | None
) -> None:
    assert combined(of_applicant, of_credentials) == expected
