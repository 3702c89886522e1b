"""The pictures of a run: passed on to those who may decide, stored nowhere, each view in the audit trail."""

from __future__ import annotations

import pytest

from tests.contract.wire import PROVIDERS, UNKNOWN_ID
from tests.harness import World

PNG = b"\x89PNG"


@pytest.fixture
def path(world: World) -> str:
    """The pictures of a run that was sent to review."""
    run_id = world.start(world.add_user("ann"))
    world.outcome(run_id, status="review")
    return f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/pictures"


def test_pictures_are_passed_on_and_every_view_is_recorded(world: World, path: str) -> None:
    admin = world.connector.as_admin()
    pictures = admin.get(path).json()
    assert [(each["kind"], each["title"]) for each in pictures] == [
        ("document", "passport front"),
        ("document", "passport back"),
        ("selfie", "selfie"),
    ]
    for each in pictures:
        answer = admin.get(f"{path}/{each['id']}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert answer.content.startswith(PNG)
        assert answer.headers["Cache-Control"] == "no-store"
    entries = admin.get("/api/server/v1/audit", params={"userId": "ann"}).json()["entries"]
    names = [each["name"] for each in entries if each["subject"] == "file"]
    assert names == ["selfie.png", "passport-back.png", "passport-front.png"]


def test_a_run_shows_no_picture_of_another_run_or_user(world: World, path: str) -> None:
    admin = world.connector.as_admin()
    bea = world.start(world.add_user("bea"))
    world.outcome(bea, status="review")
    others = f"{PROVIDERS}/{world.provider_id}/verifications/{bea}/pictures"
    [picture, *_] = admin.get(others).json()
    assert admin.get(f"{path}/{picture['id']}").json()["code"] == "IDVP-60011"
    assert admin.get(f"{path}/{UNKNOWN_ID}").json()["code"] == "IDVP-60011"


def test_a_run_shows_no_picture_of_the_same_persons_earlier_run(world: World, path: str) -> None:
    world.clock.advance(3600)
    run_id = world.start(world.connector.as_user("ann"))
    again = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/pictures"
    assert world.connector.as_admin().get(again).json() == []


def test_pictures_are_hidden_from_another_tenant_and_from_a_viewer(world: World, path: str) -> None:
    [picture, *_] = world.connector.as_admin().get(path).json()
    for url in (path, f"{path}/{picture['id']}"):
        assert world.connector.as_admin("other").get(url).status_code == 404
        viewer = world.connector.caller("viewer", ["internal_idv_claim_view"])
        assert viewer.get(url).status_code == 403


def test_a_verification_without_a_run_has_no_pictures(world: World) -> None:
    world.faults(route="POST /workflow_runs", dropped_after=1)
    world.add_user("cid").verify(world.provider_id, "INITIATED")
    [verification] = world.verifications("cid")
    answer = world.connector.as_admin().get(
        f"{PROVIDERS}/{world.provider_id}/verifications/{verification.verification_id}/pictures"
    )
    assert answer.json()["code"] == "IDVP-60010"
