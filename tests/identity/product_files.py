"""The settings files of `config/identity-providers`, edited as their guides say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / "config" / "identity-providers"
PRODUCTS = sorted(path.stem for path in FOLDER.glob("*.toml"))


def settings_file(product: str) -> str:
    return (FOLDER / f"{product}.toml").read_text(encoding="utf-8")


def edited(text: str, replaced: Mapping[str, str], *switched_on: str) -> str:
    """Replace each of the texts, and uncomment the settings named."""
    for old, new in replaced.items():
        assert f'"{old}"' in text, old
        text = text.replace(f'"{old}"', f'"{new}"')
    for name in switched_on:
        text, count = re.subn(rf"^#({name} = )", r"\1", text, flags=re.MULTILINE)
        assert count, name
    return text


def everything_switched_on(text: str) -> str:
    """Uncomment every setting."""
    return re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE)
