"""The application of `scim2-server`, with WSO2's extensions and one of our own."""

from __future__ import annotations

from typing import Any

from scim2_models import ResourceType, Schema, ScimProvider
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_resource_types, load_default_schemas, load_default_service_provider_config

from tests.identity.scim_server import CUSTOM, IDENTITY, WSO2

STATUS = {"verified": "boolean", "verifiedClaims": "list", "verifiedAt": "string", "verificationProvider": "string"}
EXTENSIONS = {
    WSO2: {"dateOfBirth": "string", "country": "string"},
    CUSTOM: {
        "dateOfBirth": "string",
        "identityVerified": "string",
        "identityVerifiedClaims": "string",
        "identityVerifiedAt": "string",
        "identityVerificationProvider": "string",
    },
    IDENTITY: {"birthdate": "string", "givenNameVerified": "boolean", **STATUS},
}


def create() -> tuple[WSGIApplication, InMemoryStorage]:
    """Create an application without users, and its storage."""
    storage = InMemoryStorage()
    return WSGIApplication(storage, _provider()), storage


def _provider() -> ScimProvider:
    schemas = [*load_default_schemas().values(), *(_schema(urn, names) for urn, names in EXTENSIONS.items())]
    types = load_default_resource_types()
    user = types["User"].model_dump()
    user["schemaExtensions"] += [{"schema": urn, "required": False} for urn in EXTENSIONS]
    resource_types = [*(each for name, each in types.items() if name != "User"), ResourceType.model_validate(user)]
    return ScimProvider.from_discovery(schemas, resource_types, config=load_default_service_provider_config())


def _schema(urn: str, names: dict[str, str]) -> Schema:
    attributes = [_attribute(name, kind) for name, kind in names.items()]
    return Schema.model_validate({"id": urn, "name": _name(urn), "description": "declared", "attributes": attributes})


def _name(urn: str) -> str:
    """Return a name that is unique to the schema: the server derives a class name from it."""
    return "".join(part.capitalize() for part in urn.replace(".", ":").split(":"))


def _attribute(name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "string" if kind == "list" else kind,
        "multiValued": kind == "list",
        "description": name,
        "required": False,
        "caseExact": True,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    }
