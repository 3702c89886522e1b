"""The frame of the console: its parts, its safety, and the page that shows every part."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.visiting import Visitor

Visit = Callable[..., Visitor]


@pytest.mark.one_database
def test_every_part_is_legible_in_every_view(visit: Visit) -> None:
    visitor = visit()
    visitor.expected.append("Response Status Error Code 500 from /console/sample/broken")
    visitor.look("/console/sample", "sample")
