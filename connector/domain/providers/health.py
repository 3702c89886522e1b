"""The health of a provider: the results of the last check, their age, and the names of changes.

unchecked ──► good ⇄ bad        by Onfido's last answer
              unknown           Onfido did not answer the last time; the previous result stays visible
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connector.domain.frozen import frozen
from connector.domain.providers.readiness import DELIVERY, Check, Readiness

GOOD, BAD, UNKNOWN, UNCHECKED = "good", "bad", "unknown", "unchecked"
STATES = (GOOD, BAD, UNKNOWN, UNCHECKED)
CONFIGURATION = "configuration"  # the check that fails if the stored configuration can no longer be used

INTERVAL = timedelta(hours=6)  # between two checks in the background
AFTER_CHANGE = timedelta(minutes=1)  # so that several changes in a row cause one check
AFTER_SILENCE = timedelta(minutes=15)  # if Onfido did not answer


@frozen
class Health:
    """The known health of a provider; `checks` and `checked_at` are of the last time that Onfido answered.

    `changed_at` is the last change of the provider, `is_checking` whether a check is in progress, `last_event_at` the
    time of Onfido's last event.
    """

    provider_id: str
    provider_name: str
    changed_at: datetime
    is_checking: bool = False
    tried_at: datetime | None = None
    is_answered: bool | None = None
    checked_at: datetime | None = None
    is_good: bool | None = None
    good_at: datetime | None = None
    checks: Sequence[Check] = ()
    last_event_at: datetime | None = None

    @property
    def known_state(self) -> str:
        """The state when Onfido last answered."""
        if self.is_good is None:
            return UNCHECKED
        return GOOD if self.is_good else BAD

    @property
    def state(self) -> str:
        """The state now."""
        return UNKNOWN if self.is_answered is False else self.known_state

    @property
    def is_outdated(self) -> bool:
        """Whether the provider was changed since it was checked."""
        return self.checked_at is not None and self.checked_at < self.changed_at

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed when Onfido last answered."""
        return [check.name for check in self.checks if check.passed is False]

    def check(self, name: str) -> Check | None:
        """Return a check by name, from the last time that Onfido answered."""
        return next((check for check in self.checks if check.name == name), None)


def is_answered(readiness: Readiness) -> bool:
    """Whether Onfido has answered enough: a refusal counts even if other checks got no answer."""
    is_refused = any(check.passed is False and not check.is_unanswered for check in readiness.checks)
    return is_refused or not any(check.is_unanswered for check in readiness.checks)


def turn(before: Health, *, is_good: bool) -> str | None:
    """Return the new state if a check has changed it; None if it is unchanged, or was never checked before."""
    after = GOOD if is_good else BAD
    return None if before.known_state in (after, UNCHECKED) else after


def last_probe(health: Health, last_event_at: datetime | None) -> Check | None:
    """Return the last check of the delivery; None if one of Onfido's events has arrived since."""
    checked_at = health.checked_at
    if checked_at is None or (last_event_at is not None and last_event_at > checked_at):
        return None
    return health.check(DELIVERY)


def with_last_probe(readiness: Readiness, before: Health) -> Readiness:
    """Return checks that were made without a probe of the delivery, together with the last probe.

    It is omitted if the provider was changed since, or if one of Onfido's events has arrived since.
    """
    probe = last_probe(before, before.last_event_at)
    if probe is None or before.is_outdated:
        return readiness
    return replace(readiness, checks=(*readiness.checks, probe))
