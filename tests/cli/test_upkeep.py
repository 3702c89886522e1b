"""Rotating keys and tokens, and looking after deliveries, from the command line."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from connector.services.results.deliveries import KeepDocument
from connector.store.deliveries import outbox
from connector.store.engine import Database

Run = Callable[..., Result]
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
WORKFLOW_ID = "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001"


def add_provider(run: Run, first: str = "g", last: str = "l", birth: str = "b", **variables: str) -> str:
    """Register a provider with claims of these names; return its id."""
    secrets = {"ONFIDO_API_TOKEN": "api_sandbox.secret", "ONFIDO_WEBHOOK_TOKEN": "hook.first-of-the-two"}
    claims = (f"--claim={first}=first_name", f"--claim={last}=last_name", f"--claim={birth}=dob")
    result = run("provider", "add", "--offline", "--workflow-id", WORKFLOW_ID, *claims, "--json", **secrets | variables)
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["id"])


def test_after_a_rotation_the_new_key_alone_opens_everything(run: Run, data_dir: Path, tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    attributes = {f"urn:claim:{number:04}": f"value-{number}" for number in range(600)}  # more than one batch
    users.write_text(json.dumps([{"id": "ann"} | attributes, {"id": "ben", "urn:x": "Ben"}]))
    assert run("user", "import", str(users), CONNECTOR_ENCRYPTION_KEYS=OLD).exit_code == 0
    add_provider(run, CONNECTOR_ENCRYPTION_KEYS=OLD)

    result = run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=f"{NEW},{OLD}")

    assert (result.exit_code, result.stdout) == (0, "Everything is encrypted with the first key.\n")
    shown = run("user", "show", "ann", "--json", CONNECTOR_ENCRYPTION_KEYS=NEW)
    assert json.loads(shown.stdout)["attributes"] == attributes
    assert run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=NEW).exit_code == 0
    assert not (data_dir / "encryption.key").exists()


def test_a_rotation_without_a_required_key_names_the_key(run: Run) -> None:
    add_provider(run, CONNECTOR_ENCRYPTION_KEYS=OLD)
    result = run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=NEW)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "encryption_keys" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_replaced_webhook_token_can_be_revoked_at_once(run: Run) -> None:
    provider_id = add_provider(run)
    assert run("provider", "update", provider_id, ONFIDO_WEBHOOK_TOKEN="hook.second-of-the-two").exit_code == 0
    for _ in range(2):
        assert run("provider", "end-overlap", provider_id, "--json").exit_code == 0
    assert run("provider", "end-overlap", provider_id, "--tenant", "acme").exit_code == 1


def test_deliveries_are_listed_retried_and_dropped(run: Run, data_dir: Path) -> None:
    assert run("outbox", "list").stdout == "The outbox is empty.\n"
    database = Database(f"sqlite:///{data_dir / 'connector.db'}")
    with database.write() as connection:
        outbox.add(connection, KeepDocument("default", "provider-1", "verification-1"))
        [delivery] = outbox.lease(connection, "worker", [KeepDocument.kind], limit=1, seconds=30)
        failure = {"number": 1, "at": "2026-01-02T03:04:05+00:00", "reason": "refused"}
        outbox.fail(connection, delivery.delivery_id, "worker", [failure], None)
    database.close()

    [listed] = json.loads(run("outbox", "list", "--dead", "--json").stdout)["deliveries"]
    assert (listed["id"], listed["state"], listed["lastFailure"]) == (delivery.delivery_id, "dead", "refused")
    assert listed["payload"] == {
        "tenant": "default",
        "providerId": "provider-1",
        "verificationId": "verification-1",
    }
    assert delivery.delivery_id in run("outbox", "list").stdout
    assert run("outbox", "retry", delivery.delivery_id).exit_code == 0
    assert json.loads(run("outbox", "list", "--dead", "--json").stdout)["deliveries"] == []
    assert [row["state"] for row in json.loads(run("outbox", "list", "--json").stdout)["deliveries"]] == ["ready"]
    assert run("outbox", "drop", delivery.delivery_id, input="n\n").exit_code == 1
    assert run("outbox", "drop", delivery.delivery_id, "--yes").exit_code == 0
    for command in (("retry",), ("drop", "--yes")):
        result = run("outbox", command[0], delivery.delivery_id, *command[1:])
        assert result.exit_code == 1
        assert delivery.delivery_id in result.stderr
