"""An export has each verification's claims, comparisons and reasons, by the command and over HTTP."""

from __future__ import annotations

import csv
import io

import pytest

from tests.harness import Caller, World
from tests.services.conftest import Run
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

CSV = "/api/server/v1/idv-providers/{}/verifications.csv"


@pytest.fixture
def quiet(world: World) -> World:
    """A provider to which Onfido posts nothing."""
    world.faults(webhooks_lost=-1)
    return world


def end(world: World, caller: Caller, status: str, reasons: list[str], **comparisons: str | None) -> str:
    run_id = world.start(caller)
    world.outcome(run_id, status=status, comparisons=comparisons, reasons=reasons)
    assert caller.verify(world.provider_id, "COMPLETED").status_code == 200
    return run_id


def read(sheet: str) -> dict[str, dict[str, str]]:
    return {row["runId"]: row for row in csv.DictReader(io.StringIO(sheet.removeprefix("\ufeff"), newline=""))}


def test_the_csv_contains_claims_comparisons_and_reasons(quiet: World, run: Run) -> None:
    ann, ben = quiet.add_user(), quiet.add_user("ben")
    first = end(quiet, ann, "declined", ["Too dark"], first_name="consider", last_name="clear", date_of_birth=None)
    second = end(quiet, ann, "approved", [], first_name="clear", last_name="clear", date_of_birth="clear")
    still_open = quiet.start(ben)

    sheet = run("verification", "export", "--output", "-").stdout

    rows = read(sheet)
    assert rows[second]["claims"].split("; ") == sorted((GIVEN_NAME, LAST_NAME, BIRTH_DATE))
    assert rows[second]["comparisons"].split("; ") == sorted(
        f"{uri}: clear" for uri in (GIVEN_NAME, LAST_NAME, BIRTH_DATE)
    )
    assert rows[second]["reasons"] == ""
    assert rows[first]["reasons"] == "Too dark"
    assert f"{GIVEN_NAME}: consider" in rows[first]["comparisons"], "though another run has followed"
    assert rows[still_open]["claims"] == rows[second]["claims"]
    assert (rows[still_open]["comparisons"], rows[still_open]["reasons"]) == ("", "")
    answer = quiet.connector.as_admin().get(CSV.format(quiet.provider_id))
    assert read(answer.content.decode()) == rows


def test_data_past_its_retention_is_left_out(quiet: World, run: Run) -> None:
    run_id = end(quiet, quiet.add_user(), "declined", ["Too dark"], first_name="consider")
    quiet.clock.advance(86400 * (quiet.connector.settings.event_retention_days + 1))
    quiet.sweep()
    row = read(run("verification", "export", "--output", "-").stdout)[run_id]
    assert row["reasons"] == ""
    assert f"{GIVEN_NAME}: consider" in row["comparisons"]
