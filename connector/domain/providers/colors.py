"""The accent colour of a provider's pages, and its legibility (WCAG 2.2, contrast of at least 4.5 : 1).

The colour is used on light ground and under white text; for dark ground it is lightened until it is legible.
"""

from __future__ import annotations

import re

from connector.domain.messages import message

LEAST_CONTRAST = 4.5
WHITE = (255, 255, 255)
DARK_GROUND = (0x1C, 0x21, 0x29)
_HEX = re.compile(r"#[0-9a-fA-F]{6}")

Color = tuple[int, int, int]


def accent_objection(color: str) -> str | None:
    """Return why a colour cannot be the accent; None if it can."""
    if not _HEX.fullmatch(color):
        return message("must be a colour such as #2450c8: a number sign and six hexadecimal digits")
    reached = contrast(_read(color), WHITE)
    if reached < LEAST_CONTRAST:
        return message(
            "must be darker: white text on it has a contrast of %(reached)s, and %(least_contrast)s is needed",
            reached=f"{reached:.1f}",
            least_contrast=str(LEAST_CONTRAST),
        )
    return None


def for_dark_ground(color: str) -> str:
    """Return the accent for dark ground: mixed with as much white as legibility requires."""
    accent = _read(color)
    shares = (share / 100 for share in range(0, 101, 5))
    lighter = (_mixed(accent, share) for share in shares)
    return _written(next(each for each in lighter if contrast(each, DARK_GROUND) >= LEAST_CONTRAST))


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (_linear(each / 255) for each in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  sRGB's


def _mixed(color: Color, white: float) -> Color:
    red, green, blue = (round(each + (255 - each) * white) for each in color)
    return red, green, blue


def _read(color: str) -> Color:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _written(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
