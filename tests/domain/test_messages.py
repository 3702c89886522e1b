"""Messages that name a command, which pages leave out."""

from __future__ import annotations

import pytest

from connector.domain.messages import joined, listed, message, without_command

FOUND = message("Onfido has no webhook with the URL %(url)s.", url="https://a")
TYPED = message("Register it with `%(command)s`.", command="connector provider add-webhook p")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (joined((FOUND, TYPED)), FOUND),
        (joined((FOUND, message("Ask again."))), "Onfido has no webhook with the URL https://a. Ask again."),
        (FOUND, FOUND),
        (TYPED, TYPED),
        ("as an earlier version wrote it", "as an earlier version wrote it"),
    ],
    ids=str,
)
def test_a_command_with_an_equivalent_button_is_left_out(text: str, shown: str) -> None:
    assert without_command(text) == shown


def test_texts_are_listed_with_commas() -> None:
    assert listed(("a", "", message("b"), "c")) == "a, b, c"
    assert listed(()) == ""
