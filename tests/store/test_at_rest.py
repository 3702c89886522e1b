"""No personal value and no secret is readable in the database after a verification."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import select

from connector.domain.tenancy import Tenant
from connector.store.models import metadata
from tests.bodies import API_TOKEN, config_properties, event_body, provider_body
from tests.harness import World, run_id_of, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

VALUES = {GIVEN_NAME: "Zebulonia", LAST_NAME: "Quartermainsen", BIRTH_DATE: "1987-11-23"}
CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}


def test_no_secret_or_personal_value_is_readable_after_a_whole_verification(world: World) -> None:
    ann = world.add_user(values=VALUES)
    answer = ann.verify(world.provider_id, "INITIATED")
    run_id = run_id_of(answer)
    secrets = {API_TOKEN, world.webhook_token, str(answer.json()["claims"][0]["claimMetadata"]["sdk_token"])}
    # Onfido's events repeat values of the document; this one is for a run that stays unknown here.
    early = event_body("no-such-run", comparisons=CLEAR, applicant={"names": list(VALUES.values())})
    assert world.post_event(early).status_code == 200
    world.outcome(run_id, status="approved", comparisons=CLEAR)
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Changedonia", LAST_NAME: ""})
    assert verified(ann.claims()) == {BIRTH_DATE}
    secrets.add(resumed_token(world))

    found = everything_stored(world)

    assert run_id.encode() in found, "the search finds stored text"
    assert readable(found, [*secrets, *VALUES.values(), "Changedonia"]) == []


def test_only_the_code_of_a_refusal_is_stored_and_none_of_onfidos_messages(world: World) -> None:
    ann = world.add_user(values=VALUES)
    unknown = config_properties(world.simulator, workflow_id="00000000-0000-0000-0000-000000000000")
    body = provider_body(world.simulator, configProperties=unknown)
    path = f"/api/server/v1/idv-providers/{world.provider_id}"
    assert world.connector.as_admin().put(path, body).status_code == 200
    answer = ann.verify(world.provider_id, "INITIATED")
    assert answer.status_code == 400, answer.text
    said = re.findall(r"HTTP \d+, \w+: ([^,]+),", answer.json()["description"])
    assert said, answer.text

    found = everything_stored(world)

    assert f"{answer.json()['code']} ".encode() in found
    assert readable(found, said) == []


def resumed_token(world: World) -> str:
    """Resume the open verification of another user and return its SDK token."""
    ben = world.add_user("ben", VALUES)
    run_id = world.start(ben)
    answer = ben.verify(world.provider_id, "REINITIATED")
    assert answer.status_code == 200, answer.text
    assert run_id_of(answer) == run_id
    return str(answer.json()["claims"][0]["claimMetadata"]["sdk_token"])


def readable(found: bytes, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that are found, plain, in base64 or in hex.

    Short secrets count only as whole words, because a few letters also occur in encrypted text.
    """
    return [secret for secret in secrets if any(re.search(pattern, found) for pattern in patterns(secret.encode()))]


def patterns(secret: bytes) -> Iterator[bytes]:
    """Return the pattern of a secret's encodings."""
    for spelling in map(re.escape, (secret, base64.b64encode(secret), secret.hex().encode())):
        yield spelling if len(secret) > 5 else rb"\b" + spelling + rb"\b"


def test_the_search_finds_readable_values() -> None:
    found = (
        b"('Doe', 'RG9lDoe', '" + base64.b64encode(b"Quartermainsen") + b"x', '" + b"Zebulonia".hex().encode() + b"')"
    )

    assert readable(found, ["Doe", "RG9", "Quartermainsen", "Zebulonia"]) == ["Doe", "Quartermainsen", "Zebulonia"]


def everything_stored(world: World) -> bytes:
    """Return every cell of every table, and all bytes of the database's files, if it has any."""
    database = world.connector.services.database
    with database.read() as connection:
        cells = [repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    if not database.is_sqlite:
        return "\n".join(cells).encode()
    path = Path(world.connector.settings.database_url.removeprefix("sqlite:///"))
    files = [file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*"))]
    assert len(files) >= 3, "the database, its write-ahead log, and their index"
    return "\n".join(cells).encode() + b"".join(files)


def test_the_data_directory_and_its_keys_belong_to_their_owner_only(world: World) -> None:
    data_dir = world.connector.settings.data_dir
    assert data_dir.stat().st_mode & 0o777 == 0o700
    keys = sorted(file for file in data_dir.iterdir() if file.is_file())
    assert [file.name for file in keys] == ["development-issuer.jwk", "encryption.key"]
    assert {file.stat().st_mode & 0o777 for file in keys} == {0o600}
