"""The names of actors, by which an auditor searches."""

from __future__ import annotations

import pytest

from connector.domain.audit.history import name_of


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        ("ann [shop@https://idp.example]", "ann"),
        ("ann [vip] [shop@https://idp.example]", "ann [vip]"),
        ("ann [ [@https://idp.example]", "ann ["),
        ("cli:root", "cli:root"),
        ("system", "system"),
        ("[shop@https://idp.example]", "[shop@https://idp.example]"),
        ("", ""),
    ],
)
def test_an_actors_name_excludes_the_client_and_issuer_in_the_last_brackets(actor: str, name: str) -> None:
    assert name_of(actor) == name
