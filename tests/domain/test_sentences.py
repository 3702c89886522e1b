"""Each entry of the history as a sentence that is understood at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.domain.audit import history
from connector.domain.audit.audit_filter import SUBJECTS
from connector.domain.audit.history import ADMINISTRATOR, Change
from connector.domain.audit.sentences import listed, sentence

BOB = "bob [console@https://idp.example.com]"
DOB = "http://wso2.org/claims/dob"
REPLACED = {"from": "set", "to": "replaced"}


def change(subject: str, current: str, name: str | None = "X", **more: Any) -> Change:
    given = {"cause": ADMINISTRATOR, "actor": BOB, "user_id": "ann"} | more
    return Change(at=datetime.now(UTC), tenant="t", subject=subject, name=name, current=current, **given)


def provider(changes: dict[str, Any] | None, **detail: Any) -> Change:
    return change("provider", "changed", "Onfido EU", changes=changes, detail=detail)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (provider({"api_token": REPLACED}), "bob replaced the API token of the provider Onfido EU."),
        (provider({"is_enabled": {"from": True, "to": False}}), "bob disabled the provider Onfido EU."),
        (provider({"is_enabled": {"from": False, "to": True}}), "bob enabled the provider Onfido EU."),
        (
            provider(
                {"name": {"from": "a", "to": "b"}, "webhook_token": {"from": None, "to": "set"}}, webhook="created"
            ),
            "bob registered the webhook, changed the name and set the webhook token of the provider Onfido EU.",
        ),
        (
            provider({f"claims.{DOB}": {"from": "dob", "to": None}, "client_secret": {"from": "set", "to": None}}),
            "bob removed the mapping of dob and the client secret of the provider Onfido EU.",
        ),
        (
            provider({"studio.link.lifetime": {"from": 1, "to": 2}}),
            "bob changed the Studio setting link.lifetime of the provider Onfido EU.",
        ),
        (
            provider(None, properties=["api_token", "name"]),
            "bob changed the API token and the name of the provider Onfido EU.",
        ),
        (provider(None, properties=[]), "bob saved the same configuration of the provider Onfido EU."),
        (
            provider(None, properties=["previous_webhook_token", "previous_webhook_token_expires_at"]),
            "bob ended the validity of the former webhook token of the provider Onfido EU.",
        ),
        (
            change("endpoint", "changed", "E", changes={"url": {"from": "a", "to": "b"}}),
            "bob changed the URL of the endpoint E.",
        ),
        (
            change("endpoint", "disabled", "E", actor="system"),
            "The connector disabled the notice endpoint E: its application answered 410 (Gone).",
        ),
        (
            change("user", "changed", "ann", detail={"claims": [DOB, "x/lastname"], "removed": ["x/lastname"]}),
            "bob changed dob and removed lastname of the user ann.",
        ),
        (change("user", "changed", "ann"), "bob changed nothing of the user ann."),
        (
            change("user", "unlocked", "ann", detail={"attempts": 3}),
            "bob unlocked the user ann: 3 attempts do not count.",
        ),
        (change("user", "removed", "ann"), "bob removed the user ann with all personal data."),
        (change("claim", "verified", DOB), "bob marked dob of ann as verified."),
        (change("claim", "unverified", DOB, user_id=None), "bob marked dob of a user as not verified (unverified)."),
        (change("claim", "verified", DOB, cause="webhook"), "dob was verified."),
        (
            change("claim", "consider", DOB, cause="webhook", previous="verified"),
            "dob is no longer verified: consider.",
        ),
        (change("claim", "consider", DOB, cause="webhook"), "dob is not verified: consider."),
        (change("run", "approved", "R", cause="decided"), "bob approved the run R of ann in review."),
        (change("run", "processing", "R", cause="initiated"), "bob started the run R: it is processing."),
        (
            change("run", "processing", "R", cause="initiated", actor=None, previous="starting"),
            "The run R went from starting to processing.",
        ),
        (change("run", "error", None, cause="sweep"), "The run went to error."),
        (
            change("start", "OIDV-10002", None, cause="refused", actor="ann [shop@iss]"),
            "ann could not start a verification of ann: A requested claim has no value (OIDV-10002).",
        ),
        (
            change("request", "HTTP-403", "PUT /x", cause="refused", detail={"reason": "The token lacks the scope y."}),
            "bob was refused PUT /x: The token lacks the scope y (HTTP-403).",
        ),
        (
            change("request", "IDVP-60001", "PUT /x", cause="refused"),
            "bob was refused PUT /x: An identity verification provider of this name exists already (IDVP-60001).",
        ),
        (change("values", "read", "ann"), "bob read values of the user ann."),
        (change("file", "read", "evidence.pdf"), "bob opened the file evidence.pdf of ann."),
        (change("outbox", "dropped", "D"), "bob dropped the delivery D: it is never attempted again."),
        (
            change("settings", "changed", "serve", changes={"threads": {"from": 8, "to": 9}}),
            "The settings of serve changed: threads.",
        ),
        (change("settings", "changed", "serve"), "The settings of serve changed: only values that are not shown."),
    ],
)
def test_an_entry_is_a_sentence(entry: Change, expected: str) -> None:
    assert sentence(entry) == expected


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_unknown_entry_is_a_sentence_too(subject: str) -> None:
    said = sentence(change(subject, "something_new"))
    assert said.endswith(".")
    assert "None" not in said.replace("None attempts", "")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (list("abcd"), "a, b, c and d"),
        (list("abcde"), "a, b, c and 2 more"),
    ],
)
def test_only_the_first_names_of_a_long_list_are_shown(names: list[str], expected: str) -> None:
    assert listed(names) == expected


def test_differences_of_users_name_claims_and_never_values() -> None:
    entry = change("user", "changed", "ann", detail={"claims": ["a", "b"], "removed": ["b"]})
    assert history.differences_of(entry) == {"a": {"from": None, "to": "changed"}, "b": {"from": None, "to": "removed"}}
    moved = change("run", "approved", "R", previous="review")
    assert history.differences_of(moved) == {"status": {"from": "review", "to": "approved"}}
    assert history.differences_of(change("key", "added")) == {}
