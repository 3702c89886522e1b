"""What the removal of a user or a provider deletes, as it is said before: here, and at Onfido."""

from __future__ import annotations

import html

import pytest

from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from connector.services.people.user_removal import Removable
from tests.bodies import provider_body
from tests.contract.wire import ALL_SCOPES, PROVIDERS
from tests.harness import World
from tests.plans.browsing import Console
from tests.values import VALUES

REMOVE = "internal_idv_claim_delete"


def end_one(world: World, user_id: str = "ann", status: str = "declined") -> None:
    world.put_user(user_id, VALUES)
    run_id = world.start(world.connector.as_user(user_id))
    world.outcome(run_id, status=status)
    world.connector.as_user(user_id).verify(world.provider_id, "COMPLETED")


def test_the_preview_of_a_removal_counts_what_the_removal_deletes(world: World) -> None:
    users, tenant = world.connector.services.users, Tenant(world.tenant)
    end_one(world)
    end_one(world)
    end_one(world, "bea")

    preview = users.preview_removal(tenant, "ann")

    assert (preview.verifications, preview.has_customer_data, preview.is_more) == (2, False, False)
    assert preview.applicants == users.remove(tenant, "ann")
    with pytest.raises(RequestError, match="ann"):
        users.preview_removal(tenant, "ann")


def test_a_user_without_verifications_has_nothing_at_onfido(world: World) -> None:
    world.add_user("ann")
    users = world.connector.services.users
    assert users.preview_removal(Tenant(world.tenant), "ann") == Removable(0, 0, False, False)
    page = html.unescape(Console(world, "bob", (*ALL_SCOPES, REMOVE)).open("/console/users/ann/remove"))
    assert "No applicant at Onfido is known." in page


def test_data_under_the_users_id_at_onfido_is_named(world: World) -> None:
    body = provider_body(world.simulator, studio={"sendUserId": True})
    assert world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body).ok
    end_one(world)

    page = html.unescape(Console(world, "bob", (*ALL_SCOPES, REMOVE)).open("/console/users/ann/remove"))

    assert "Deletes values, attributes, 1 verification and the bodies of events now." in page
    assert "At Onfido, 1 applicant, with its documents and photos, will be deleted shortly." in page
    assert "Passkeys and biometric tokens" in page


def test_the_question_before_a_providers_removal_counts_the_applicants_that_stay(world: World) -> None:
    path = f"/console/providers/{world.provider_id}/danger/delete"
    console = Console(world, "bob", ALL_SCOPES)
    assert "applicant" not in console.open(path)
    end_one(world)
    end_one(world, "bea")

    assert "2 applicants, with documents and photos, stay at Onfido" in console.open(path)

    usage = world.connector.as_admin().get(f"{PROVIDERS}/{world.provider_id}/usage").json()
    assert usage["applicants"] == 2


def test_the_question_before_unlocking_says_how_many_more_may_be_started(world: World) -> None:
    end_one(world)
    end_one(world)

    page = Console(world, "bob", ALL_SCOPES).open("/console/users/ann/unlock")

    assert "ann may then start 5 more verifications with Onfido; now it is 3." in html.unescape(page)
