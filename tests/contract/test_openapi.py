"""The OpenAPI document is correct: every route is in it, and the answers are those that it describes.

On SQLite alone: the document does not depend on the database, and `test_bad_input.py` tries both.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from connector.api.errors import STATUS
from connector.domain.tenancy import Tenant
from connector.errors import Code
from tests.contract.wire import (
    ALL_SCOPES,
    OPERATIONS,
    WEBHOOK,
    Operation,
    add_claim,
    assert_error,
    new_provider,
    new_user,
)
from tests.harness import Caller, World, run_id_of

METHODS = {"get", "put", "post", "delete", "patch"}
OPERATIONS_ROUTES = {
    "/idv/onfido/v1/self-check/verify",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs/",
    "/docs/<path:name>",
    "/",
    "/.well-known/jwks.json",
}
# Routes that another specification describes are not part of the API's description.
SIGNALS = {"signals", "signal_metadata", "signal_polling"}
EXAMPLES = 5  # for each operation and kind of data
EXAMPLES_OF_IDS = 2  # for one whose only data are ids: the first one is the simplest, and the ids of all are alike


@pytest.fixture(scope="module")
def database_kind() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def document(shared: World) -> Any:
    answer = requests.get(f"{shared.connector.url}/openapi.json", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def operations(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path and definition of every operation."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield method.upper(), path, item[method]


def resolve(document: Any, node: Any) -> Any:
    """Follow references."""
    while "$ref" in node:
        node = functools.reduce(lambda found, name: found[name], node["$ref"].removeprefix("#/").split("/"), document)
    return node


def test_the_document_is_valid_openapi_and_names_both_kinds_of_path(document: Any) -> None:
    assert re.fullmatch(r"3\.[01]\.\d+", document["openapi"])
    tenants = [server for server in document["servers"] if "{tenant}" in server["url"]]
    assert tenants[0]["variables"]["tenant"]["default"] == "carbon.super"
    assert len(document["servers"]) == 2
    schemathesis.openapi.from_dict(document).validate()


def test_the_document_contains_exactly_the_operations_of_the_contract(document: Any) -> None:
    documented = {f"{method} {path}" for method, path, _ in operations(document)}

    assert documented == {str(operation) for operation in OPERATIONS} | {f"POST {WEBHOOK}"}


def test_every_route_of_the_application_is_documented_or_an_operations_route(shared: World, document: Any) -> None:
    every = list(shared.connector.app.url_map.iter_rules())
    rules = {rule.rule for rule in every if rule.endpoint.partition(".")[0] not in SIGNALS}
    documented = {path.replace("{", "<").replace("}", ">") for path in document["paths"]}

    assert rules - documented == OPERATIONS_ROUTES


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_operation_names_its_scope_and_the_error_body(document: Any, operation: Operation) -> None:
    definition = document["paths"][operation.path][operation.method.lower()]

    scopes = [operation.scope, *operation.others]
    assert [list(scheme.values()) for scheme in definition["security"]] == [[[scope]] for scope in scopes]
    (scheme,) = definition["security"][0]
    assert document["components"]["securitySchemes"][scheme]
    assert definition["summary"]
    assert_error_is_documented(document, definition)


def test_the_webhook_operation_needs_a_signature_and_no_token(document: Any) -> None:
    definition = document["paths"][WEBHOOK]["post"]

    assert definition["security"] == []
    headers = {each["name"]: each["required"] for each in definition["parameters"] if each["in"] == "header"}
    assert headers == {"X-SHA2-Signature": True}
    assert_error_is_documented(document, definition)


def assert_error_is_documented(document: Any, definition: dict[str, Any]) -> None:
    response = resolve(document, definition["responses"]["default"])
    schema = resolve(document, response["content"]["application/json"]["schema"])
    assert set(schema["properties"]) == {"code", "message", "description", "traceId"}
    assert set(schema["required"]) == {"code", "message", "description", "traceId"}


def test_every_operation_has_a_unique_name_and_a_summary(document: Any) -> None:
    names = [definition["operationId"] for _, _, definition in operations(document)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)
    for _, path, definition in operations(document):
        assert definition["description"].strip() not in ("", definition["summary"]), path


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/api/users/v1/me/idv/verify", "meVerifyIdentity"),
        ("GET", "/api/users/v1/{user_id}/idv/claims", "getIdVClaims"),
        ("PUT", "/api/server/v1/idv-providers/{provider_id}", "updateIdVProviders"),
    ],
)
def test_wso2s_operations_keep_their_names(document: Any, method: str, path: str, name: str) -> None:
    assert document["paths"][path][method.lower()]["operationId"] == name


def test_every_code_is_documented_with_its_status(document: Any) -> None:
    documented = {code for status, code, _ in documented_errors(document)}
    of_signals = {Code.STREAM_DISABLED, Code.STREAM_LIMIT}  # which OpenID describes
    assert set(Code) - documented == of_signals
    statuses = {str(code): str(STATUS.get(code, 400)) for code in Code}
    for status, code, response in documented_errors(document):
        assert status == statuses.get(code, code.removeprefix("HTTP-")), code
        assert ("Retry-After" in response.get("headers", {})) is (status in ("429", "503"))


def test_the_keys_of_a_claims_metadata_are_documented(document: Any) -> None:
    metadata = resolve(document, document["components"]["schemas"]["Claim"]["properties"]["claimMetadata"])
    assert metadata["additionalProperties"] is True, "an administrator's own"
    assert set(metadata["properties"]) == {
        *(f"onfido_{name}" for name in ("applicant_id", "workflow_run_id", "workflow_status", "verification_status")),
        *(f"onfido_{name}" for name in ("completed_at", "decision", "output_value", "document")),
        *("sdk_token", "link_url"),
    }


def test_every_body_has_an_example_and_every_file_is_binary(document: Any) -> None:
    for method, path, definition in operations(document):
        bodies = [definition.get("requestBody", {}), *good_responses(definition)]
        for media_type, body in ((kind, found) for each in bodies for kind, found in each.get("content", {}).items()):
            if media_type in ("application/pdf", "application/zip", "*/*"):
                assert body["schema"] == {"type": "string", "format": "binary"}
            else:
                assert {"example", "examples"} & set(body) or has_example(document, body["schema"]), (method, path)


def good_responses(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [response for status, response in definition["responses"].items() if status.startswith("2")]


def has_example(document: Any, schema: dict[str, Any]) -> bool:
    """Whether a schema, or one of its parts, has an example."""
    found = resolve(document, schema)
    parts = [*found.get("properties", {}).values(), *([found["items"]] if "items" in found else [])]
    return "example" in found or any(has_example(document, part) for part in parts)


def documented_errors(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Return status, code and response of every error that an operation documents."""
    for _, _, definition in operations(document):
        for status, response in definition["responses"].items():
            if status.isdigit() and int(status) >= 400:
                content = response["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}
                for code, example in content["examples"].items():
                    assert example["value"]["code"] == code
                    yield status, code, response


def test_the_document_is_public_and_names_no_tenant(shared: World, document: Any) -> None:
    assert requests.get(f"{shared.connector.url}/openapi.json", timeout=60).json() == document
    for path in ("openapi.json", "docs", "docs/", "docs/swagger-ui.css"):
        assert_error(requests.get(f"{shared.connector.url}/t/acme.example/{path}", timeout=60), 404, "HTTP-404")


def test_document_contains_no_path_or_host_of_a_machine(document: Any) -> None:
    text = str(document)

    assert not re.search(r"/home/|/root/|/tmp/|/dev/|sqlite|postgres|psycopg|Traceback", text)


# The calls of schemathesis


@pytest.fixture(scope="module")
def caller(shared: World) -> Caller:
    """A user with claims and every scope."""
    user_id, _ = new_user(shared)
    add_claim(shared, user_id)
    return shared.connector.caller(user_id, ALL_SCOPES)


@pytest.fixture(scope="module")
def described(document: Any) -> Any:
    """The document as schemathesis reads it; shared, because reading takes longer than most cases."""
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def ids(shared: World, caller: Caller) -> dict[str, str]:
    """Ids of existing objects, by the names of path parameters; for all others an unknown id."""
    claim = next(iter(caller.claims().values()))
    user_id = next(user for user in reversed(list(shared.connector.services.users.ids(Tenant(shared.tenant)))))
    provider_id = new_provider(shared)
    run_id = run_id_of(caller.verify(provider_id, "INITIATED"))
    known = {"provider_id": provider_id, "claim_id": claim["id"], "user_id": user_id, "run_id": run_id}
    return defaultdict(lambda: "unknown", known)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", [*OPERATIONS, Operation("POST", WEBHOOK, "")], ids=str)
def test_answers_match_the_documentation(
    shared: World, described: Any, caller: Caller, ids: dict[str, str], operation: Operation, mode: GenerationMode
) -> None:
    documented = described[operation.path][operation.method]
    has_only_ids = not (len(documented.body) or len(documented.query))

    @given(case=documented.as_strategy(generation_mode=mode), is_known=st.booleans())
    @hypothesis_settings(max_examples=EXAMPLES_OF_IDS if has_only_ids else EXAMPLES)
    def holds(case: Any, is_known: bool) -> None:
        for are_known in (False, True) if has_only_ids else (is_known,):
            if are_known and operation.method != "DELETE":
                case.path_parameters.update({name: ids[name] for name in case.path_parameters})
            answer = case.call(base_url=shared.connector.url, headers=dict(caller.headers), timeout=60)
            assert answer.status_code < 500
            documented.validate_response(answer)

    holds()
