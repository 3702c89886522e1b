"""Which users a tenant's providers could verify."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.providers.verifiability import missing_claims
from tests.domain.examples import PROVIDER

JOINED = replace(PROVIDER, claims={"given": "first_name", "middle": "first_name", "family": "last_name"})


@pytest.mark.parametrize(
    ("present", "missing_name", "missing"),
    [
        (["given", "family"], None, ()),
        (["middle", "family"], None, ()),
        (["given"], None, ("family",)),
        (["family"], None, ("given",)),
        ([], None, ("given", "family")),
        (["given"], "repeat", ()),
        (["family"], "-", ()),
        ([], "repeat", ("given", "family")),
    ],
)
def test_a_user_needs_both_names_or_one_with_a_placeholder(
    present: list[str], missing_name: str | None, missing: tuple[str, ...]
) -> None:
    assert missing_claims([replace(JOINED, missing_name=missing_name)], present) == missing
