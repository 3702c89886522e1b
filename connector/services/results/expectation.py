"""Whether an unknown run may still be recorded; its tag names its verification.

the tag's verification is open, without a run           it may be recorded: its event is parked
it has another run, or ended without one                the run is an orphan
it is gone, or another provider's; or there is no tag,
but the history knows the run                           it is not expected: the event's body is not kept
there is no tag                                         it may be recorded
"""

from __future__ import annotations

from sqlalchemy import Connection

from connector.domain.frozen import frozen
from connector.domain.verifications.verification import Verification
from connector.onfido.webhooks import Event
from connector.store import history
from connector.store.verifications import verifications


@frozen
class Expectation:
    """Whether an event's run is recorded, or may still be; otherwise the verification that lost it, if any."""

    may_come: bool
    lost_by: Verification | None = None


def expect(connection: Connection, provider_id: str, event: Event) -> Expectation:
    """Find and lock the verification that an event's run was started for."""
    run_id = event.run_id or ""
    if verifications.find_known_runs(connection, provider_id, [run_id]):
        return Expectation(may_come=True)
    if event.verification_id is None:
        return Expectation(may_come=not history.knows_run(connection, provider_id, run_id))
    verification = verifications.lock(connection, event.verification_id)
    if verification is None or verification.provider_id != provider_id:
        return Expectation(may_come=False)
    is_waiting = verification.run_id is None and verification.closed_at is None
    if is_waiting or verification.run_id == run_id:  # recorded a moment ago
        return Expectation(may_come=True)
    return Expectation(may_come=False, lost_by=verification)
