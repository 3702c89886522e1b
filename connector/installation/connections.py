"""Whether PostgreSQL admits as many connections as the pools of all processes may open."""

from __future__ import annotations

from sqlalchemy import text

from connector.bootstrap import Services
from connector.domain.messages import message
from connector.domain.providers.readiness import Check
from connector.installation import warning
from connector.installation.processes import running_roles
from connector.process.heartbeat import SERVE, WORKER
from connector.settings import Settings
from connector.store.engine import MOST_CONNECTIONS

CONNECTIONS = "connections"
OF_COMMANDS = 5  # connections of commands, migrations and backups
OF_UPKEEP = 3  # threads of each process that report, count and keep up
COURIERS = 40  # threads of a worker that send notices
_LIMITS = text(
    "SELECT current_setting('max_connections')::int AS all_of_server,"
    " current_setting('superuser_reserved_connections')::int"
    " + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,"
    " (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS of_role,"
    " (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS of_database"
)


def check_connections(services: Services) -> Check | None:
    """Compare the limits of the server, the role and the database with the pools; None for SQLite."""
    if services.database.is_sqlite:
        return None
    with services.database.read() as connection:
        limits = connection.execute(_LIMITS).one()
    needed = needed_connections(services)
    free = {
        f"`max_connections` is {limits.all_of_server}, {limits.reserved} of them reserved": (
            limits.all_of_server - limits.reserved,
            f"set `max_connections` to at least {needed + limits.reserved}",
        ),
        "the role's CONNECTION LIMIT": (limits.of_role, f"ALTER ROLE … CONNECTION LIMIT {needed}"),
        "the database's CONNECTION LIMIT": (limits.of_database, f"ALTER DATABASE … CONNECTION LIMIT {needed}"),
    }
    for what, (number, advice) in free.items():
        if 0 <= number < needed:
            detail = f"All processes together may open {needed} connections, but PostgreSQL admits {number} ({what})"
            return warning(
                CONNECTIONS,
                message(
                    "%(detail)s: %(advice)s, or run fewer processes, or put a pooler in between.",
                    detail=detail,
                    advice=advice,
                ),
            )
    return Check(
        CONNECTIONS,
        True,
        message("PostgreSQL admits the %(needed)s connections that all processes may open.", needed=needed),
    )


def needed_connections(services: Services) -> int:
    """Return how many connections the running processes may open or, if none runs, those of the settings."""
    settings, roles = services.settings, running_roles(services)
    serve, worker = (roles[SERVE], roles[WORKER]) if roles else (settings.workers, 1)
    return serve * of_serve(settings) + worker * of_worker(settings) + OF_COMMANDS


def of_serve(settings: Settings) -> int:
    """Return how many connections a process of `connector serve` may open: one for each thread, as the pool allows."""
    return min(MOST_CONNECTIONS, 2 * settings.threads + settings.console_threads + 3 + OF_UPKEEP)


def of_worker(settings: Settings) -> int:
    """Return the same for `connector worker`, which also listens for new deliveries."""
    return min(MOST_CONNECTIONS, settings.worker_threads + COURIERS + OF_UPKEEP) + 1
