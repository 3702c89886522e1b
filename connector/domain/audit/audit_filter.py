"""The filter of the audit trail, read from the parameters that the API's query and the command line share."""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.audit.history import (
    APPLICANT,
    CLAIM,
    CLIENT,
    ENDPOINT,
    EVENT,
    EXPORT,
    FILE,
    JOB,
    KEY,
    OUTBOX,
    PROVIDER,
    REQUEST,
    RESULT,
    RUN,
    SESSION,
    SETTINGS,
    START,
    STREAM,
    TASK,
    USER,
    VALUES,
    AuditFilter,
)
from connector.domain.verifications.verification_filter import FROM, TO, read_period, read_text

SUBJECTS = (
    *(USER, CLAIM, RUN, START, REQUEST, APPLICANT, PROVIDER, ENDPOINT, OUTBOX, EVENT, EXPORT, FILE, JOB, KEY, VALUES),
    *(SETTINGS, CLIENT, SESSION, STREAM, RESULT, TASK),
)


def read_audit_filter(query: Mapping[str, str | None]) -> AuditFilter:
    """Read `userId`, `actor`, `subject`, `object`, `action`, `outcome`, `channel`, `from` and `to`; None means any.

    Raise `RequestError` naming the invalid parameter.
    """
    since, before = read_period(query[FROM], query[TO])
    return AuditFilter(
        user_id=read_text("userId", query["userId"]),
        actor=query["actor"],
        subject=read_text("subject", query["subject"]),
        name=read_text("object", query["object"]),
        action=read_text("action", query["action"]),
        outcome=read_text("outcome", query["outcome"]),
        channel=read_text("channel", query["channel"]),
        since=since,
        before=before,
    )
