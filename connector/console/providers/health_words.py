"""The health of a provider and the steps of its set-up, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console.words import State
from connector.domain.providers.health import BAD, GOOD, UNCHECKED, UNKNOWN, Health
from connector.domain.providers.readiness import Check
from connector.domain.providers.setup_steps import CHECKING, DONE, FAILED, TODO, WAITS, WARNING
from connector.domain.providers.setup_steps import UNKNOWN as STEP_UNKNOWN

HEALTH: Mapping[str, State] = {
    GOOD: State("good", "check-lg", _l("Works")),
    BAD: State("bad", "x-lg", _l("Fails")),
    UNKNOWN: State("wait", "question-lg", _l("Unknown")),
    UNCHECKED: State("none", "dash-lg", _l("Not checked")),
}
STEPS: Mapping[str, State] = {
    TODO: State("none", "circle", _l("To do")),
    CHECKING: State("run", "arrow-repeat", _l("Checking")),
    DONE: State("good", "check-lg", _l("Done")),
    WARNING: State("wait", "exclamation-triangle-fill", _l("Warning")),
    FAILED: State("bad", "x-lg", _l("Failed")),
    STEP_UNKNOWN: State("wait", "question-lg", _l("Unknown")),
    WAITS: State("none", "hourglass-split", _l("Waits")),
}
CHECKS: Mapping[bool | None, State] = {
    True: State("good", "check-lg", _l("Passed")),
    False: State("bad", "x-lg", _l("Failed")),
    None: State("none", "dash-lg", _l("Not checked")),
}


def check_names() -> Mapping[str, str]:
    """Return the names of checks, in words."""
    return {
        "region": _("Region"),
        "token": _("Credentials"),
        "environment": _("Environment"),
        "workflow": _("Workflow"),
        "claims": _("Attributes"),
        "webhook": _("Webhook"),
        "delivery": _("Delivery"),
        "configuration": _("Configuration"),
    }


def failed_words(checks: Sequence[Check]) -> str:
    """Return the names of the checks that failed, in words."""
    names = check_names()
    return ", ".join(names.get(check.name, check.name) for check in checks if check.passed is False)


def list_sentence(all_health: Sequence[Health]) -> str:
    """Return whether every provider works, in one sentence."""
    bad = [each for each in all_health if each.known_state == BAD]
    if not all_health:
        return str(_("No provider is registered yet."))
    if len(bad) == 1:
        return str(_("%(name)s failed its last check.", name=bad[0].provider_name))
    if bad:
        return str(_("%(n)s of %(all)s providers failed their last check.", n=len(bad), all=len(all_health)))
    unknown = [each for each in all_health if each.state != GOOD]
    if unknown:
        return str(_("No provider fails; %(n)s could not be checked yet.", n=len(unknown)))
    return str(_("Every provider works."))
