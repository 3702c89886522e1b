"""Conditions of partial indexes; a statement repeats one word for word, so that the database can use the index."""

from __future__ import annotations

from connector.domain.audit.history import AUDITED, REFUSED, USER, WATCHLIST
from connector.domain.environment import SANDBOX
from connector.domain.jobs import DONE, QUEUED, RUNNING
from connector.domain.openid.flow import GUEST_LENGTH, GUEST_PREFIX
from connector.domain.studio.workflow_run import REVIEW

IS_VERIFIED_IN_SANDBOX = f"is_verified AND environment = '{SANDBOX}'"
IS_GUEST = f"length(user_id) = {GUEST_LENGTH} AND substr(user_id, 1, {len(GUEST_PREFIX)}) = '{GUEST_PREFIX}'"
IS_AUDITED = " OR ".join(f"cause = '{cause}'" for cause in AUDITED)
IS_REFUSED = f"cause = '{REFUSED}'"
IS_MATCH = f"cause = '{WATCHLIST}' AND subject = '{USER}'"
IS_UNDECIDED = f"status = '{REVIEW}' AND decision IS NULL"
NEEDS_REVIEW = f"{IS_UNDECIDED} AND replaced_at IS NULL"
IS_DECIDED = "decision IS NOT NULL"
IS_AWAITED = "decision_awaited_at IS NOT NULL AND closed_at IS NULL"
HAS_RESULT = "result IS NOT NULL OR document IS NOT NULL"
IS_QUEUED_JOB = f"state = '{QUEUED}'"
IS_OPEN_JOB = f"state = '{QUEUED}' OR state = '{RUNNING}'"
HAS_EXPIRING_RESULT = f"state = '{DONE}' AND expires_at IS NOT NULL"
IS_ENDED_JOB = "ended_at IS NOT NULL"
