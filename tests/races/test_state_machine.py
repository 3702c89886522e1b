"""Requests, faults, outcomes, events, changed values and corrections in any order, compared with the model."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from connector.domain.verifications.verification import Verification
from tests.bodies import event_body
from tests.harness import World, verified
from tests.races.attack import (
    CLAIMS,
    COMPARED_AS,
    RUN_SETTLE_TIME,
    admin_of,
    change_values,
    correct,
    forget_everything,
    outcome_of,
    runs_at_onfido,
)
from tests.races.model import FINAL, Run, User
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

MOST_ATTEMPTS = 5  # as many as a provider allows
OPEN_STATUSES = ("processing", "awaiting_input", "awaiting_client_input", "paused")
RESULTS = ("clear", "clear", "consider", "unidentified", None)
FAULTS = {
    "applicant failed": "failed",
    "run throttled": "throttled",
    "run failed": "failed",
    "run unanswered": "dropped_after",
}
OTHER_VALUES: dict[str, list[str | None]] = {
    GIVEN_NAME: ["Bea"],
    LAST_NAME: ["Other"],
    BIRTH_DATE: ["1991-12-31", None],
}

claim_sets = st.sets(st.sampled_from(sorted(MAPPING)), min_size=1).map(frozenset)
comparisons = st.fixed_dictionaries({key: st.sampled_from(RESULTS) for key in COMPARED_AS.values()})
changes = st.sampled_from([(uri, value) for uri in MAPPING for value in [VALUES[uri], *OTHER_VALUES[uri]]])

_numbers = itertools.count()


class Lifecycle(RuleBasedStateMachine):
    """A sequence of steps for one user; all sequences share the connector, its database and Onfido."""

    def __init__(self, world: World) -> None:
        super().__init__()
        forget_everything(world)
        world.faults(retry_after=0)
        self.world = world
        self.user_id = f"user-{next(_numbers)}"
        self.caller = world.add_user(self.user_id)
        self.model = User()
        self.run_ids: list[str] = []
        self.events: list[tuple[Run, bytes]] = []
        self.final: dict[str, str] = {}
        self.faults_left = 4  # one more in a row, and the connector would leave Onfido alone for a while

    def ask(self, status: str, claims: frozenset[str]) -> tuple[int, str | None]:
        self.world.clock.advance(2)  # before that, the same run is not read again
        return outcome_of(self.caller.verify(self.world.provider_id, status, sorted(claims)))

    def claims_to_ask_for(self, claims: frozenset[str]) -> frozenset[str]:
        """A run that Onfido may have created already is requested again with the same claims."""
        attempt = self.model.open
        return attempt.claims if attempt and attempt.run and not attempt.is_known else claims

    @property
    def open_run(self) -> tuple[Run, str] | None:
        attempt = self.model.open
        if attempt and attempt.run and attempt.run.status not in FINAL:
            return attempt.run, self.run_ids[-1]
        return None

    @property
    def attempts(self) -> list[Verification]:
        return self.world.verifications(self.user_id)

    @property
    def is_open(self) -> bool:
        return any(attempt.closed_at is None for attempt in self.attempts)

    def note_runs(self) -> None:
        self.run_ids += runs_at_onfido(self.world) - set(self.run_ids)

    @rule(claims=claim_sets)
    def initiate(self, claims: frozenset[str]) -> None:
        if len(self.model.attempts) >= MOST_ATTEMPTS and self.model.open is None:
            return
        claims = self.claims_to_ask_for(claims)
        assert self.ask("INITIATED", claims) == self.model.initiate(claims)
        self.note_runs()

    @precondition(lambda self: self.faults_left)
    @rule(claims=claim_sets, fault=st.sampled_from(sorted(FAULTS)))
    def initiate_and_break_off(self, claims: frozenset[str], fault: str) -> None:
        if len(self.model.attempts) >= MOST_ATTEMPTS and self.model.open is None:
            return
        self.faults_left -= 1
        claims = self.claims_to_ask_for(claims)
        applicant = "PUT /applicants/{applicant_id}" if self.model.has_applicant else "POST /applicants"
        route = applicant if fault == "applicant failed" else "POST /workflow_runs"
        self.world.faults(route=route, **{FAULTS[fault]: 1})
        assert self.ask("INITIATED", claims) == self.model.initiate(claims, fault)
        self.world.faults(route="*", **dict.fromkeys(FAULTS.values(), 0))
        self.note_runs()

    @rule(claims=claim_sets)
    def complete(self, claims: frozenset[str]) -> None:
        assert self.ask("COMPLETED", claims) == self.model.complete(claims)

    @rule(claims=claim_sets)
    def resume(self, claims: frozenset[str]) -> None:
        assert self.ask("REINITIATED", claims) == self.model.resume(claims)

    @precondition(lambda self: self.open_run)
    @rule(
        status=st.sampled_from([*FINAL, "approved", "approved", "approved"]), found=comparisons, in_task=st.booleans()
    )
    def end_run(self, status: str, found: dict[str, str | None], *, in_task: bool) -> None:
        assert self.open_run
        run, run_id = self.open_run
        is_hidden = in_task and status == "approved"
        run.status, run.comparisons = status, found
        self.world.outcome(run_id, status=status, comparisons=found, shape="none" if is_hidden else "flat")
        self.events.append((run, event_body(run_id, status, None if is_hidden else found)))

    @precondition(lambda self: self.open_run)
    @rule(status=st.sampled_from(OPEN_STATUSES))
    def move_run(self, status: str) -> None:
        assert self.open_run
        run, run_id = self.open_run
        run.status = status
        self.world.outcome(run_id, status=status)

    @precondition(lambda self: self.events)
    @rule(data=st.data(), times=st.integers(1, 2))
    def deliver_event(self, data: st.DataObject, times: int) -> None:
        run, body = data.draw(st.sampled_from(self.events), label="event")
        for _ in range(times):
            assert self.world.post_event(body).status_code == 200
        for attempt in self.model.attempts:
            if attempt.run is run:
                self.model.learn(attempt)
        self.world.wait_until(lambda: self.is_open == (self.model.open is not None))  # Onfido may be asked

    @precondition(lambda self: self.run_ids)
    @rule(data=st.data(), status=st.sampled_from(OPEN_STATUSES))
    def deliver_late_event(self, data: st.DataObject, status: str) -> None:
        run_id = data.draw(st.sampled_from(self.run_ids), label="run")
        assert self.world.post_event(event_body(run_id, status)).status_code == 200

    @rule(change=changes)
    def change_value(self, change: tuple[str, str | None]) -> None:
        uri, value = change
        change_values(self.world, {uri: value or ""}, self.user_id)
        self.model.change(uri, value)

    @rule(uri=st.sampled_from(sorted(MAPPING)), is_verified=st.booleans())
    def correct(self, uri: str, *, is_verified: bool) -> None:
        if uri in self.model.known_claims:
            answer = correct(self.world, [uri], is_verified=is_verified, user_id=self.user_id)
        else:
            entry = {"uri": uri, "idVProviderId": self.world.provider_id, "isVerified": is_verified}
            answer = admin_of(self.world).post(CLAIMS.format(self.user_id), [entry])
        assert answer.status_code == 201, answer.text
        self.model.correct(uri, is_verified=is_verified)

    @rule()
    def wait(self) -> None:
        self.world.clock.advance(RUN_SETTLE_TIME)
        self.model.time += RUN_SETTLE_TIME

    @invariant()
    def what_is_verified_is_what_the_contract_says(self) -> None:
        claims = self.caller.claims()
        assert verified(claims) == self.model.verified
        assert set(claims) == self.model.known_claims

    @invariant()
    def one_attempt_is_open_and_a_final_status_stays(self) -> None:
        attempts = self.attempts
        assert sum(attempt.closed_at is None for attempt in attempts) == (self.model.open is not None)
        for attempt in attempts:
            if attempt.verification_id in self.final or attempt.status in FINAL:
                assert self.final.setdefault(attempt.verification_id, attempt.status) == attempt.status

    @invariant()
    def every_run_was_handed_over_once(self) -> None:
        assert len(runs_at_onfido(self.world)) == len(self.model.runs)
        known = sum(attempt.is_known for attempt in self.model.attempts)
        assert self.model.started == known


@pytest.mark.timeout(400)  # where it fails, the steps that lead there are made fewer
def test_any_sequence_of_requests_keeps_the_contract(quiet: World) -> None:
    examples = 18 if quiet.connector.services.database.is_sqlite else 6
    run_state_machine_as_test(
        lambda: Lifecycle(quiet),  # type: ignore[arg-type]  # a factory will do
        settings=hypothesis_settings(
            max_examples=examples, stateful_step_count=20, suppress_health_check=list(HealthCheck)
        ),
    )
