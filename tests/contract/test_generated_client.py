"""A Python client, generated from the OpenAPI document as an application's developer would, drives a verification."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.contract.wire import ALL_SCOPES, PERSON
from tests.harness import World
from tests.values import GIVEN_NAME, LAST_NAME

PACKAGE = "generated_connector_client"
# The generator leaves these out unless files and CSV are declared as bytes and text.
CONFIG = {
    "post_hooks": [],
    "content_type_overrides": {
        "application/pdf": "application/octet-stream",
        "application/zip": "application/octet-stream",
        "text/csv": "text/plain",
        "*/*": "application/octet-stream",
    },
}
CLAIMS = [GIVEN_NAME, LAST_NAME]


@pytest.fixture(scope="module")
def database_kind() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def generated(shared: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Generate the client; import its modules by name. A warning of the generator is a failure."""
    directory = tmp_path_factory.mktemp("client")
    document = directory / "openapi.json"
    document.write_bytes(requests.get(f"{shared.connector.url}/openapi.json", timeout=60).content)
    (directory / "config.json").write_text(json.dumps(CONFIG))
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
            *("--path", str(document), "--config", str(directory / "config.json")),
            *("--output-path", str(directory / PACKAGE)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(directory))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(directory))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


Caller = Callable[..., Any]


@pytest.fixture
def client(shared: World, generated: Callable[[str], Any]) -> Caller:
    """Return an authenticated generated client, for a user with these scopes."""

    def create(subject: str, *scopes: str) -> Any:
        token = shared.connector.caller(subject, scopes).headers["Authorization"].removeprefix("Bearer ")
        return generated("client").AuthenticatedClient(base_url=shared.connector.url, token=token)

    return create


def body_of(generated: Callable[[str], Any], provider_id: str, status: str) -> Any:
    models = generated("models")
    properties = [models.Property(key="status", value=status)]
    return models.VerifyRequest(id_v_provider_id=provider_id, claims=CLAIMS, properties=properties)


def add_provider(shared: World, generated: Callable[[str], Any], admin: Any) -> Any:
    models = generated("models")
    properties = {"token": API_TOKEN, "workflow_id": WORKFLOW_ID, "base_url": shared.simulator.api_url}
    provider = models.ProviderRequest(
        type_="ONFIDO",
        name="generated",
        is_enabled=True,
        claims=[
            models.ClaimMapping(local_claim=GIVEN_NAME, idvp_claim="first_name"),
            models.ClaimMapping(local_claim=LAST_NAME, idvp_claim="last_name"),
        ],
        config_properties=[models.ConfigProperty(key=key, value=value) for key, value in properties.items()],
    )
    return generated("api.providers.add_id_v_provider").sync(client=admin, body=provider)


def test_the_generated_client_performs_a_whole_verification(
    shared: World, generated: Callable[[str], Any], client: Caller
) -> None:
    admin, user = client("admin", *ALL_SCOPES), client("generated-user", "internal_login")
    shared.add_user("generated-user", PERSON)
    verify, models = generated("api.users.me_verify_identity").sync, generated("models")
    provider_id = add_provider(shared, generated, admin).id
    readiness = generated("api.setup.test_connection").sync(client=admin, provider_id=provider_id)
    assert {check.name for check in readiness.checks} >= {"region", "token", "workflow"}

    started = verify(client=user, body=body_of(generated, provider_id, "INITIATED"))

    assert isinstance(started, models.VerifyResponse)
    metadata = started.claims[0].claim_metadata
    assert metadata.sdk_token
    assert metadata.onfido_workflow_status == "awaiting_input"
    shared.outcome(metadata.onfido_workflow_run_id)
    completed = verify(client=user, body=body_of(generated, provider_id, "COMPLETED"), prefer="wait=10")
    assert {claim.uri: claim.is_verified for claim in completed.claims} == dict.fromkeys(CLAIMS, True)

    listed = generated("api.users.me_get_id_v_claims").sync(client=user, id_v_provider_id=provider_id)
    assert {claim.claim_metadata.onfido_verification_status for claim in listed} == {"clear"}
    run = generated("api.verifications.get_verification").sync(
        client=admin, provider_id=provider_id, run_id=metadata.onfido_workflow_run_id
    )
    assert (run.status, run.user_id) == ("approved", "generated-user")
    evidence = generated("api.evidence.get_signed_evidence").sync(
        client=admin, provider_id=provider_id, run_id=metadata.onfido_workflow_run_id
    )
    assert evidence.payload.read(5) == b"%PDF-"
    status = generated("api.user_status.get_user_status").sync(client=admin, user_id="generated-user")
    assert provider_id in {each.provider_id for each in status.providers if each.is_verified}


def test_the_generated_client_has_typed_errors_and_text_sheets(
    shared: World, generated: Callable[[str], Any], client: Caller
) -> None:
    admin = client("admin", *ALL_SCOPES)
    user, models = client("unknown-user", "internal_login"), generated("models")

    refused = generated("api.users.me_verify_identity").sync_detailed(
        client=user, body=body_of(generated, shared.provider_id, "INITIATED")
    )

    assert refused.status_code == 404
    assert isinstance(refused.parsed, models.Error)
    assert refused.parsed.code == "IDV-10001"
    sheet = generated("api.csv.export_verifications").sync_detailed(client=admin, provider_id=shared.provider_id)
    assert sheet.content.decode("utf-8-sig").startswith("id,runId,")
    folder = generated("api.evidence.get_evidence_folder").sync(
        client=admin, provider_id=shared.provider_id, run_id="no-run"
    )
    assert folder.code == "IDVP-60010"
