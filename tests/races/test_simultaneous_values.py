"""Concurrent results, corrections and changes of values: claims are verified only for the current value."""

from __future__ import annotations

from collections import Counter
from functools import partial

from connector.domain.tenancy import Tenant
from connector.services.starting.attempts import VerificationRequest
from tests.harness import Caller, World, run_id_of, verified
from tests.races.attack import (
    CLAIMS,
    OPEN_ALREADY,
    add_provider,
    admin_of,
    assert_holds_for_current_values,
    change_values,
    correct,
    end_run,
    outcome_of,
    sent_values,
    settle,
    together,
)
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

ROUNDS = 12
STARTED = (200, None)
OTHER_NAMES = ("Bea", "Cleo", "Dora", "Ann")


def test_a_result_never_verifies_a_value_that_was_not_sent(quiet: World) -> None:
    for number in range(ROUNDS):
        user_id = f"user-{number}"
        user = quiet.add_user(user_id)
        run_id = quiet.start(user)
        body = end_run(quiet, run_id)
        name = OTHER_NAMES[number % len(OTHER_NAMES)]

        together(
            [
                partial(change_values, quiet, {GIVEN_NAME: name}, user_id),
                partial(quiet.post_event, body),
                partial(user.verify, quiet.provider_id, "COMPLETED"),
            ]
        )

        assert verified(user.claims()) == (set(MAPPING) if name == "Ann" else {LAST_NAME, BIRTH_DATE})
        assert_holds_for_current_values(quiet, user, user_id)


def test_a_value_that_changes_while_a_run_starts_is_sent_or_not_verified(quiet: World) -> None:
    for number in range(ROUNDS):
        user_id = f"user-{number}"
        user = quiet.add_user(user_id)

        start, *_ = together(
            [
                partial(start_once, quiet, user),
                partial(change_values, quiet, {GIVEN_NAME: "Bea", LAST_NAME: "Other"}, user_id),
                partial(change_values, quiet, {GIVEN_NAME: "Cleo"}, user_id),
            ]
        )

        assert_verified_is_what_was_sent(quiet, user, user_id, start or quiet.start(user))


def start_once(world: World, caller: Caller) -> str | None:
    """Start a run; None if the connector gave up because the values kept changing."""
    answer = caller.verify(world.provider_id, "INITIATED")
    assert outcome_of(answer) in (STARTED, OPEN_ALREADY)
    return run_id_of(answer) if answer.ok else None


def assert_verified_is_what_was_sent(world: World, caller: Caller, user_id: str, run_id: str) -> None:
    sent = sent_values(world, run_id)
    settle(world, run_id)
    now = world.connector.services.users.values(Tenant(world.tenant), user_id)
    assert verified(caller.claims()) <= {uri for uri in MAPPING if sent[uri] == now[uri]}


def test_a_correction_never_applies_to_a_value_that_changed_meanwhile(quiet: World) -> None:
    ann = quiet.add_user()
    settle(quiet, quiet.start(ann), "declined")
    for number in range(ROUNDS):
        answers = together(
            [
                partial(correct, quiet, [GIVEN_NAME], is_verified=True),
                partial(change_values, quiet, {GIVEN_NAME: f"Bea {number}"}),
            ]
        )

        assert all(answer.ok for answer in answers if answer is not None)
        assert_holds_for_current_values(quiet, ann)


def entries_with(*worlds: World) -> list[dict[str, object]]:
    """Return an administrator's view of every claim with some providers."""
    return [{"uri": uri, "idVProviderId": world.provider_id, "isVerified": True} for uri in MAPPING for world in worlds]


def test_corrections_of_the_same_claims_in_any_order_all_succeed(quiet: World) -> None:
    ann, other = quiet.add_user(), add_provider(quiet, "Second")
    for world in (quiet, other):
        settle(world, world.start(ann), "declined")
    entries = entries_with(quiet, other)
    admin = admin_of(quiet)

    answers = together([partial(admin.put, CLAIMS.format("ann"), entries[:: 1 - 2 * (n % 2)]) for n in range(24)])

    assert Counter(answer.status_code for answer in answers) == {201: 24}


def test_concurrent_corrections_results_and_changes_fail_no_request(quiet: World) -> None:
    other = add_provider(quiet, "Second")
    for number in range(6):
        user_id = f"user-{number}"
        user = quiet.add_user(user_id)
        bodies = {world.provider_id: end_run(world, world.start(user)) for world in (quiet, other)}

        answers = together(
            [
                partial(quiet.post_event, bodies[quiet.provider_id]),
                partial(other.post_event, bodies[other.provider_id]),
                partial(correct, quiet, reversed(MAPPING), is_verified=True, user_id=user_id),
                partial(correct, other, MAPPING, is_verified=True, user_id=user_id),
                partial(change_values, quiet, {GIVEN_NAME: "Bea", LAST_NAME: "Other"}, user_id),
            ]
        )

        assert {answer.status_code for answer in answers if answer is not None} == {200, 201}
        assert_holds_for_current_values(quiet, user, user_id)


def test_claims_added_concurrently_are_added_once(quiet: World) -> None:
    entries = entries_with(quiet, add_provider(quiet, "Second"))
    admin = admin_of(quiet)
    for number in range(ROUNDS):
        quiet.add_user(user_id := f"user-{number}")
        add = [partial(admin.post, CLAIMS.format(user_id), order) for order in (entries, entries[::-1])]

        answers = together(add * 4)

        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
        assert len(admin.get(CLAIMS.format(user_id)).json()) == len(entries)


def test_a_verification_writes_its_claims_in_the_common_lock_order(quiet: World) -> None:
    """In the order of the request, it could deadlock with an administrator's correction."""
    provider = quiet.connector.services.providers.get(Tenant(quiet.tenant), quiet.provider_id)

    about = VerificationRequest(tuple(sorted(MAPPING, reverse=True))).claims(provider)

    assert [claim.uri for claim in about] == sorted(MAPPING)
