"""A part that polls is sent again only after a change, however often it is asked for meanwhile."""

from __future__ import annotations

import pytest

from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

pytestmark = pytest.mark.one_database


def test_an_unchanged_part_keeps_its_version(world: World) -> None:
    world.start(world.add_user("ann"))
    [verification] = world.verifications("ann")
    console = Console(world, "bob", ALL_SCOPES)
    for path in (f"/console/verifications/{verification.verification_id}/live", "/console/verifications/news"):
        version = console.get(path).headers["ETag"]
        for known in (version, version, f"W/{version}", f'"another", {version}'):  # a proxy that compresses adds W/
            answer = console.get(path, {"If-None-Match": known})
            assert (answer.status_code, answer.headers.get("ETag")) == (304, version), path


def test_a_change_reloads_the_page_of_an_open_verification(world: World) -> None:
    run_id = world.start(world.add_user("ann"))
    [verification] = world.verifications("ann")
    console = Console(world, "bob", ALL_SCOPES)
    path = f"/console/verifications/{verification.verification_id}/live"
    version = console.get(path).headers["ETag"]
    version = console.get(path, {"If-None-Match": version}).headers["ETag"]
    world.outcome(run_id)
    console.post(f"/console/verifications/{verification.verification_id}/refresh")
    answer = console.get(path, {"If-None-Match": version})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (200, "true")
