"""Which processes of this installation run, as they have registered in the database."""

from __future__ import annotations

from collections import Counter

from connector.bootstrap import Services
from connector.domain.messages import message
from connector.domain.providers.readiness import Check, not_checked
from connector.installation import warning
from connector.process.heartbeat import SERVE, WORKER

PROCESSES = "processes"


def running_roles(services: Services) -> Counter[str]:
    """Return how many processes of each role run."""
    return Counter(each.role for each in services.processes.running())


def check_processes(services: Services) -> Check:
    """Check that processes for requests and for deliveries run, with the same settings."""
    roles = running_roles(services)
    if not roles:
        return not_checked(PROCESSES, message("neither `connector serve` nor `connector worker` runs"))
    works = services.settings.does_workers_part(is_sqlite=services.database.is_sqlite)
    missing = [] if roles[SERVE] else ["serve"]
    missing += [] if roles[WORKER] or works else ["worker"]
    if missing:
        return warning(PROCESSES, message("There is no `connector %(missing)s`: start one.", missing=missing[0]))
    differing = sorted({name for each in services.processes.running() for name in each.differing})
    if differing:
        advice = "use the same settings for all, and restart them or send SIGHUP"
        return warning(
            PROCESSES,
            message(
                "They run with different settings (%(differing)s): %(advice)s.",
                differing=", ".join(differing),
                advice=advice,
            ),
        )
    return Check(
        PROCESSES,
        True,
        message(
            "%(roles)s `connector serve` and %(roles2)s `connector worker` run.",
            roles=roles[SERVE],
            roles2=roles[WORKER],
        ),
    )
