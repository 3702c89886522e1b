"""Each status of a run and each result of a claim has a sentence for the user, and one for the administrator."""

from __future__ import annotations

import re

import pytest

from connector.domain.claims import VERIFIED, WATCHLIST_MATCH
from connector.domain.verifications.reasons import (
    NO_VALUE,
    NOT_CHECKED,
    OF_CLAIM,
    OF_RUN,
    OTHER_CLAIM,
    OTHER_RUN,
    REPLACED_REVIEW,
    Reason,
    all_reasons,
    reason_of_claim,
    reason_of_run,
)
from connector.domain.verifications.verification_filter import RESULTS, STATUSES


def test_every_status_and_result_has_its_own_reason() -> None:
    assert set(OF_RUN) == set(STATUSES)
    assert set(OF_CLAIM) == {*RESULTS, VERIFIED, WATCHLIST_MATCH}
    assert len({each.administrator for each in all_reasons()}) == len(list(all_reasons()))


@pytest.mark.parametrize("reason", list(all_reasons()))
def test_reasons_are_sentences(reason: Reason) -> None:
    for text in (reason.user, reason.administrator):
        assert re.fullmatch(r"[A-Z].*\.", text)
    assert not re.search(r"Onfido|watchlist|workflow|run\b|sandbox|match", reason.user, re.IGNORECASE)


def test_a_watchlist_match_has_the_same_reason_as_a_claim_never_checked() -> None:
    assert reason_of_claim(WATCHLIST_MATCH, is_verified=False).user == reason_of_claim(None, is_verified=False).user


def test_a_decision_replaces_the_review_as_the_reason() -> None:
    assert reason_of_run("review") == OF_RUN["review"]
    assert reason_of_run("review", "approved") == OF_RUN["approved"]
    assert reason_of_run("review", is_replaced=True) == REPLACED_REVIEW
    assert reason_of_run("review", "declined", is_replaced=True) == OF_RUN["declined"]
    assert reason_of_run("declined", "approved") == OF_RUN["declined"]


def test_an_unknown_state_has_a_reason() -> None:
    assert reason_of_run("paused") == OTHER_RUN
    assert reason_of_claim("weird", is_verified=False) == OTHER_CLAIM
    assert reason_of_claim(None, is_verified=False) == NOT_CHECKED
    assert reason_of_claim("consider", is_verified=False, has_value=False) == NO_VALUE
    assert reason_of_claim("consider", is_verified=True) == OF_CLAIM[VERIFIED]
