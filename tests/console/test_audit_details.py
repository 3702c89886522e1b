"""The details of audit entries, as people read them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connector.console.audit_details import LABELS
from connector.domain.audit import history
from connector.domain.audit.history import AuditFilter, by_administrator
from connector.domain.verifications.verification import VerificationFilter
from connector.store import history as rows
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

pytestmark = pytest.mark.one_database


def facts(world: World, subject: str, detail: dict[str, Any]) -> dict[str, str]:
    """Return the facts of the latest entry, by their labels."""
    entry = by_administrator(world.clock(), "admin", world.tenant, subject, "the-object", "done", detail)
    with world.connector.services.database.write() as connection:
        rows.append(connection, [entry])
    page = Console(world, "bob", ALL_SCOPES).open(f"/console/audit?subject={subject}")
    found = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", page)
    return {label: re.sub("<[^>]+>", "", text).strip() for label, text in found}


@pytest.mark.parametrize(
    ("subject", "detail", "shown"),
    [
        (history.OUTBOX, {"kind": "tell_change", "verification_id": "v-1"}, {"Kind": "Notice", "Verification": "v-1"}),
        (history.JOB, {"kind": "resend_deliveries", "which": "dead"}, {"Kind": "Deliveries resent"}),
        (history.TASK, {"task_def_id": "risk_score"}, {"Task definition": "risk_score"}),
        (
            history.EXPORT,
            {"needsReview": "true", "status": "review"},
            {"Needs a decision": "yes", "Status": "In review"},
        ),
        (history.SESSION, {"issuer": "https://issuer", "link": False}, {"With a link that works once": "no"}),
        (history.RESULT, {"parts": ["output"]}, {"What was read": "The workflow’s output"}),
        (history.SETTINGS, {"later_member": "x", "anotherOne": 3}, {"Later member": "x", "Another one": "3"}),
    ],
)
def test_the_details_of_an_entry_have_labels_and_words(
    world: World, subject: str, detail: dict[str, Any], shown: dict[str, str]
) -> None:
    found = facts(world, subject, detail)
    assert {label: found.get(label) for label in shown} == shown
    assert not found.keys() & detail.keys()


def test_every_filter_of_an_export_has_a_label() -> None:
    names = {*vars(AuditFilter()), "userId", "needsReview", "from", "before"}
    names |= {*vars(VerificationFilter())} - {"statuses", "created_from", "created_before", "needs_review"}
    assert names - LABELS.keys() == set()
