"""Cleaning a pasted API token, and the meaning of its prefix."""

from __future__ import annotations

import pytest

from connector.domain.providers.credentials import environment_of, region_objection, tidy_token

TOKEN = "api_live_us.abc"
US, EU = "https://api.us.onfido.com/v3.6", "https://api.eu.onfido.com/v3.6"


@pytest.mark.parametrize(
    "pasted",
    [
        TOKEN,
        f" {TOKEN}\r\n",
        f"Token token={TOKEN}",
        f"TOKEN TOKEN={TOKEN}",
        f"token={TOKEN}",
        f"token {TOKEN}",
        f"Authorization: Token token={TOKEN}",
        f'"Token token={TOKEN}"',
        f'Token token="{TOKEN}"',
        f"Bearer {TOKEN}",
        f"\ufeff\u201c{TOKEN}\u201d",
    ],
)
def test_a_pasted_token_is_stored_without_surrounding_text(pasted: str) -> None:
    assert tidy_token(pasted) == TOKEN


@pytest.mark.parametrize("token", ["tokens-of-the-tests", "bearers", "api_live.token=1", "a b"])
def test_a_token_of_a_similar_form_is_left_unchanged(token: str) -> None:
    assert tidy_token(token) == token


@pytest.mark.parametrize(
    ("token", "environment"),
    [
        (TOKEN, "live"),
        ("api_live.abc", "live"),
        ("api_sandbox.abc", "sandbox"),
        ("api_sandbox_eu.abc", "sandbox"),
        ("api_staging.abc", None),
        ("abc", None),
        ("my_api_live.abc", None),
    ],
)
def test_the_prefix_names_the_environment(token: str, environment: str | None) -> None:
    assert environment_of(token) == environment


@pytest.mark.parametrize(
    ("token", "base_url"),
    [(TOKEN, EU), ("api_live_ca.abc", EU), ("api_sandbox_eu.abc", US)],
)
def test_a_token_of_another_region_is_refused_with_both_names(token: str, base_url: str) -> None:
    objection = str(region_objection(token, base_url))
    assert base_url[12:14] in objection
    assert token.partition(".")[0][-2:] in objection
    assert "abc" not in objection


@pytest.mark.parametrize(
    ("token", "base_url"),
    [
        (TOKEN, US),
        ("api_live.abc", EU),
        ("abc", EU),
        (TOKEN, "http://127.0.0.1:8090/v3.6"),
        (TOKEN, "https://api.test"),
    ],
)
def test_a_token_or_base_url_without_a_region_is_accepted(token: str, base_url: str) -> None:
    assert region_objection(token, base_url) is None
