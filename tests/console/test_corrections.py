"""A correction is saved only for what the administrator has seen: the attribute, and the user's value."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from connector.domain.claims import Claim
from connector.domain.tenancy import Tenant
from connector.errors import ChangedMeanwhile
from tests.bodies import event_body
from tests.console.test_every_page import sign_in
from tests.contract.wire import USERS, entry
from tests.harness import World
from tests.plans.forms import FilledForm, filled, forms_of
from tests.values import GIVEN_NAME, VALUES

CHANGED = "value has changed since you opened the page"


def claim_of(world: World) -> Claim:
    [claim] = [each for each in world.connector.services.claims.all(tenant_of(world), "ann") if each.uri == GIVEN_NAME]
    return claim


def tenant_of(world: World) -> Tenant:
    return Tenant(world.tenant)


def unverified(world: World) -> str:
    """Add a user with a claim that is not verified; return the address of its correction."""
    world.add_user()
    unproven = entry(world.provider_id, GIVEN_NAME) | {"isVerified": False}
    answer = world.connector.as_admin(world.tenant).post(f"{USERS}/ann/idv/claims", [unproven])
    assert answer.status_code == 201, answer.text
    return f"/console/users/ann/claims/{claim_of(world).claim_id}"


def form_at(http: requests.Session, world: World, path: str) -> FilledForm:
    page = http.get(world.connector.url + path, timeout=60)
    [form] = [each for each in forms_of(path, page.text) if each.action == path]
    return form


def save(http: requests.Session, world: World, path: str, form: FilledForm, reason: str = "") -> requests.Response:
    given = {"verified": "yes", "reason": reason} if reason else {}
    return http.post(world.connector.url + path, data=filled(form, given), timeout=60, allow_redirects=False)


def test_a_correction_is_not_saved_for_a_value_that_came_after_the_form_was_opened(world: World) -> None:
    path = unverified(world)
    with sign_in(world) as http:
        form = form_at(http, world, path)
        world.put_user("ann", VALUES | {GIVEN_NAME: "Somebody Else"})

        refused = save(http, world, path, form, "seen at the desk")

        assert refused.status_code == 409
        assert CHANGED in refused.text
        assert "Somebody Else" not in refused.text
        assert "another one" in refused.text
        assert not claim_of(world).is_verified
        [again] = [each for each in forms_of(path, refused.text) if each.action == path]
        assert save(http, world, path, again).status_code == 302, "the input is kept, and saved once it is confirmed"
    assert claim_of(world).is_verified


def test_a_correction_is_not_saved_over_a_result_that_came_after_the_form_was_opened(world: World) -> None:
    path = unverified(world)
    with sign_in(world) as http:
        form = form_at(http, world, path)
        run_id = world.start(world.connector.as_user("ann"))
        assert world.post_event(event_body(run_id, "approved", {"first_name": "consider"})).ok
        world.wait_until(lambda: claim_of(world).verification_status == "consider")

        refused = save(http, world, path, form, "seen at the desk")

    assert refused.status_code == 409
    assert "Differs" in refused.text
    assert not claim_of(world).is_verified


def test_a_correction_keeps_the_claims_metadata(world: World) -> None:
    path, admin = unverified(world), world.connector.as_admin(world.tenant)
    with sign_in(world) as http:
        form = form_at(http, world, path)
        changed = {"isVerified": False, "claimMetadata": {"desk": "4"}}
        assert admin.put(f"{USERS}/ann/idv/claims/{claim_of(world).claim_id}", changed).ok
        assert save(http, world, path, form, "seen at the desk").status_code == 302
    assert claim_of(world).metadata == {"desk": "4"}


@pytest.mark.parametrize("changes", [{"is_verified": True}, {"verification_status": "consider"}, {"value": "0" * 64}])
def test_a_correction_of_an_outdated_state_is_refused_in_its_transaction(
    world: World, changes: dict[str, object]
) -> None:
    unverified(world)
    claims, claim = world.connector.services.claims, claim_of(world)
    seen = claims.see(tenant_of(world), "ann", claim)
    outdated = replace(seen, **changes)  # type: ignore[arg-type]

    with pytest.raises(ChangedMeanwhile, match="read it again"):
        claims.correct(tenant_of(world), "ann", claim.claim_id, is_verified=True, metadata=None, seen=outdated)

    assert claim_of(world) == claim
    claims.correct(tenant_of(world), "ann", claim.claim_id, is_verified=True, metadata=None, seen=seen)
    assert claim_of(world).is_verified
