"""Files that are part of the connector: claim and directory dialects, settings of products, an example of `studio`,
and an example application.

In a clone they are in `config/`, next to the package; in a wheel they are inside it.
"""

from __future__ import annotations

import json
from pathlib import Path

_PACKAGE = Path(__file__).parent
_PLACES = (_PACKAGE / "config", _PACKAGE.parent / "config")


def example_files() -> dict[str, Path]:
    """Return the example files by name."""
    root = _root()
    of_products = {f"settings-{path.stem}": path for path in sorted((root / "identity-providers").glob("*.toml"))}
    directories = {f"directory-{path.stem}": path for path in sorted((root / "claims").glob("*.toml"))}
    one = {"settings": root / "settings.toml", "studio": root / "studio.json"}
    return one | of_products | directories | dialect_files()


def example_application() -> list[Path]:
    """Return the files of the example web application."""
    return sorted(path for path in (_root() / "examples" / "web-app").iterdir() if path.is_file())


def dialect_files() -> dict[str, Path]:
    """Return the files of the claim dialects by name."""
    return {path.stem: path for path in sorted((_root() / "claims").glob("*.json"))}


def dialects() -> dict[str, dict[str, str]]:
    """Return the claim dialects by name: each maps local claims to applicant fields."""
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in dialect_files().items()}


def directory_dialect(name: str) -> Path:
    """Return the file that maps claims to the attributes of a product's directory."""
    return _root() / "claims" / f"{name}.toml"


def _root() -> Path:
    return next(place for place in _PLACES if place.is_dir())
