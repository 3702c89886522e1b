"""JSON Pointers, as RFC 6901 has them."""

from __future__ import annotations

import pytest

from connector.domain.studio.pointers import MAX_LENGTH, is_pointer


@pytest.mark.parametrize("text", ["/", "/foo/0", "/a~1b", "/m~0n", "/ ", "/0/é", "/" * MAX_LENGTH])
def test_a_pointer_to_a_member_is_accepted(text: str) -> None:
    assert is_pointer(text)


@pytest.mark.parametrize("text", ["", "foo", "foo/bar", "#/foo", "/~", "/~2", "/foo~", "$.foo", "/" * (MAX_LENGTH + 1)])
def test_a_text_that_is_not_a_pointer_to_a_member_is_reported(text: str) -> None:
    assert not is_pointer(text)
