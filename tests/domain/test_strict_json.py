"""JSON that a person or a browser has sent."""

from __future__ import annotations

import pytest

from connector.domain.strict_json import MAX_DEPTH, InvalidJson, parse_json


@pytest.mark.parametrize("text", ["{}", b'{"a": [1, 2.5, -1e300, null, "\\u00e4"]}', "[" * MAX_DEPTH + "]" * MAX_DEPTH])
def test_json_is_read(text: str | bytes) -> None:
    assert parse_json(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "NaN", '{"a": -Infinity}', "[1e400]", "9" * 5_000, b"\xff", "[" * 50_000),
        *("[" * depth + "]" * depth for depth in (MAX_DEPTH + 1, 400, 900)),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_other_text_is_refused_in_one_way(text: str | bytes) -> None:
    with pytest.raises(InvalidJson):
        parse_json(text)
