"""The access token in the answer to a sign-in: its validity and lifetime."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.access_tokens import LONGEST_OWN, OwnToken, own_token


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"token_type": "Bearer", "expires_in": 60}, 60),
        ({"expires_in": "60"}, 60),
        ({"token_type": "bearer", "expires_in": 1e9}, 86_400),
        ({"expires_in": -5}, 0),
        ({"expires_in": "soon"}, 300),
        ({"expires_in": float("nan")}, 300),
        ({}, 300),
    ],
)
def test_a_token_is_used_until_the_expiry_set_by_its_issuer(answer: dict[str, Any], seconds: float) -> None:
    assert own_token({"access_token": "a-token", **answer}) == OwnToken("a-token", seconds)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": None},
        {"access_token": ["token"]},
        {"access_token": "two words"},
        {"access_token": "a\r\nCookie: b"},
        {"access_token": "tökén"},
        {"access_token": "a" * (LONGEST_OWN + 1)},
        {"access_token": "bound", "token_type": "DPoP"},
    ],
)
def test_a_token_that_no_header_can_carry_is_not_used(answer: dict[str, Any]) -> None:
    assert own_token(answer) == OwnToken()


def test_a_tokens_repr_does_not_show_it() -> None:
    assert "secret" not in repr(own_token({"access_token": "secret"}))
