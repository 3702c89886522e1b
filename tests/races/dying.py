"""A connector in a separate process that is killed during an initiation: `Forked("tests.races.dying", orders)`.

For each order a forked child initiates and kills itself (SIGKILL) just before, or just after, its n-th commit; an
order without a commit waits until another process kills it. The exit status is the number of children that survived.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from connector.bootstrap import create_services
from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from connector.settings import Settings
from tests.values import MAPPING

_MOMENTS: dict[str, tuple[type, str]] = {"before": (Engine, "commit"), "after": (Pool, "checkin")}


def run(text: str) -> None:
    orders = json.loads(text)
    sys.exit(sum(not _dies(orders, order) for order in orders["orders"]))


def _dies(orders: dict[str, Any], order: dict[str, Any]) -> bool:
    child = os.fork()
    if child == 0:
        try:
            _initiate(orders, order)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _initiate(orders: dict[str, Any], order: dict[str, Any]) -> None:
    settings = Settings(data_dir=Path(orders["data_dir"]), **orders["settings"])
    ahead = timedelta(seconds=order["ahead"])
    services = create_services(settings, lambda: datetime.now(UTC) + ahead)
    if order["moment"]:
        event.listen(*_MOMENTS[order["moment"]], _killer(order["commit"]))
    with suppress(RequestError):  # the run was handed over already
        services.verifications.initiate(
            Tenant(orders["tenant"]), order["user_id"], orders["provider_id"], list(MAPPING)
        )


def _killer(commit: int) -> Callable[..., None]:
    left = iter(range(commit - 1))

    def die(*_: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    return die
