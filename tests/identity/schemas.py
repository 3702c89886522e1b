"""The JSON schemas of OpenID Identity Assurance 1.0 (`ida/`)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

_FOLDER = Path(__file__).parent / "ida"


@cache
def _validator() -> Any:
    schemas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in _FOLDER.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()
    )
    return Draft202012Validator(
        schemas["verified-claims"], registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def assert_ida(answer: object) -> None:
    """Check an answer against the schema."""
    _validator().validate(answer)
