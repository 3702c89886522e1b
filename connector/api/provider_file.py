"""A provider as a file: its configuration without secrets, and the changes that a file would make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import marshmallow as ma

from connector.api.shapes.provider import ProviderRequestSchema, provider_body, provider_config
from connector.api.shapes.studio import studio_body
from connector.domain.audit.differences import differences
from connector.domain.messages import message
from connector.domain.providers.provider import SECRETS, Provider, ProviderConfig
from connector.domain.strict_json import parse_json
from connector.errors import InvalidField

_OF_ONE = ("id",)  # members that belong to one provider, not to its configuration
_CREDENTIALS = ("client_id", *SECRETS.values())  # properties that a file neither has nor changes


def file_of(provider: Provider) -> dict[str, Any]:
    """Return a provider in the format of its file."""
    body = provider_body(provider)
    properties = [each for each in body["configProperties"] if each["key"] not in _CREDENTIALS]
    complete = {"configProperties": properties, "studio": studio_body(provider.studio)}
    return {name: value for name, value in body.items() if name not in _OF_ONE} | complete


def read_file(raw: bytes) -> dict[str, Any]:
    """Read a file, ignoring any secrets in it. Raise `InvalidField` if it is not a provider."""
    try:
        body = parse_json(raw)
    except ValueError as error:
        raise InvalidField("file", message("must be JSON")) from error
    if not isinstance(body, dict):
        raise InvalidField("file", message("must be an object: a provider as it was exported"))
    properties = body.get("configProperties")
    if isinstance(properties, list):
        kept = [each for each in properties if isinstance(each, dict) and each.get("key") not in _CREDENTIALS]
        body = body | {"configProperties": kept}
    config_of(body)
    return body


def config_of(file: Mapping[str, Any]) -> ProviderConfig:
    """Return the configuration in a file; raise `InvalidField` for an invalid one."""
    try:
        return provider_config(ProviderRequestSchema(unknown=ma.EXCLUDE).load(dict(file)))
    except ma.ValidationError as error:
        raise InvalidField("file", message("must be a provider: %(part)s", part=json.dumps(error.messages))) from error


def changes_by(provider: Provider, file: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of a provider that a file would change, by name, each with `from` and `to`."""
    before, after = replace(config_of(file_of(provider)), studio=provider.studio), config_of(file)
    if after.studio is None:  # the provider's is kept
        after = replace(after, studio=provider.studio)
    return differences(asdict(before), asdict(after))
