"""Reading the settings again on SIGHUP; if the file is invalid, the current settings stay in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TypeVar

import structlog

from connector.errors import ConnectorError, DatabaseUnavailable
from connector.settings import Settings
from connector.settings.notes import noted

# Settings that need a restart: addresses, database, processes and logs.
FIXED = frozenset(
    {
        *("data_dir", "database_url", "host", "port", "worker_port", "workers", "metrics_token"),
        *("log_level", "log_format", "dev"),
    }
)

T = TypeVar("T")

log = structlog.get_logger(__name__)


def read_again(current: Settings, read: Callable[[], Settings], accept: Callable[[Settings], T]) -> T | None:
    """Return the result of `accept` for the settings as they are now; None if they are refused, which is logged.

    `accept` raises for settings that would not work. The settings in `FIXED` keep their values until a restart.
    """
    try:
        settings = read()
        changed = {
            each.name for each in fields(settings) if getattr(settings, each.name) != getattr(current, each.name)
        }
        kept = replace(settings, **{name: getattr(current, name) for name in FIXED})
        kept = noted(kept, sources=settings.sources, secret_files=settings.secret_files)
        accepted = accept(kept)
    except ConnectorError as error:
        log.warning("settings.refused", reason=error.description)
    except DatabaseUnavailable as error:
        log.warning("settings.refused", reason=error.reason)
    except Exception as error:  # noqa: BLE001  whatever is wrong with the file, the process continues
        advice = "run `connector check-settings`"
        # the error's text may contain a value
        log.warning("settings.refused", reason=f"{type(error).__name__}: {advice}")
    else:
        log.info("settings.changed", names=sorted(changed - FIXED))
        if changed & FIXED:
            log.warning("settings.restart_needed", names=sorted(changed & FIXED))
        return accepted
    return None
