"""The accent colour of a provider's pages is legible on light and on dark backgrounds."""

from __future__ import annotations

import pytest

from connector.domain.providers.colors import (
    DARK_GROUND,
    LEAST_CONTRAST,
    WHITE,
    accent_objection,
    contrast,
    for_dark_ground,
)


def test_contrast_is_as_wcag_defines_it() -> None:
    assert contrast((0, 0, 0), WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    assert contrast((0x77, 0x77, 0x77), WHITE) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("color", ["#2450c8", "#0C6B58", "#000000", "#767676"])
def test_a_dark_colour_is_accepted_and_lightened_on_a_dark_background(color: str) -> None:
    assert accent_objection(color) is None
    lighter = for_dark_ground(color)
    channels = tuple(int(lighter[at : at + 2], 16) for at in (1, 3, 5))
    assert contrast((channels[0], channels[1], channels[2]), DARK_GROUND) >= LEAST_CONTRAST


@pytest.mark.parametrize("color", ["#777777", "#ffcc00", "#ffffff", "#7fb0ff"])
def test_a_colour_that_makes_white_text_illegible_is_refused(color: str) -> None:
    assert "must be darker" in (accent_objection(color) or "")


@pytest.mark.parametrize("color", ["", "blue", "#123", "2450c8", "#2450c8;", "#2450cg", "#2450c8\n", "rgb(0,0,0)"])
def test_an_invalid_colour_is_refused(color: str) -> None:
    assert "must be a colour such as" in (accent_objection(color) or "")
