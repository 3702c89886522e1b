"""A connector in a separate process that suspends itself (SIGSTOP) while it connects to Onfido.

`Forked("tests.races.stopping", order)` initiates once, and prints the code of the resulting error, if any.
Another process has to continue it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.bootstrap import create_services
from connector.domain.tenancy import Tenant
from connector.errors import OnfidoError, RequestError
from connector.settings import Settings
from tests.values import MAPPING


def run(text: str) -> None:
    order = json.loads(text)
    settings = Settings(data_dir=Path(order["data_dir"]), **order["settings"])
    ahead = timedelta(seconds=order["ahead"])
    services = create_services(settings, lambda: datetime.now(UTC) + ahead)
    _stop_at(order["port"], order["connection"])
    try:
        tenant = Tenant(order["tenant"])
        services.verifications.initiate(tenant, order["user_id"], order["provider_id"], list(MAPPING))
        sys.stdout.write("started")
    except (RequestError, OnfidoError) as error:
        sys.stdout.write(error.code)


def _stop_at(port: int, number: int) -> None:
    """Suspend the process at the n-th connection to this port, when the host's address is resolved."""
    look_up, left = socket.getaddrinfo, iter(range(number - 1))

    def stop(host: Any, service: Any, *arguments: Any, **options: Any) -> Any:
        if service == port and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGSTOP)
        return look_up(host, service, *arguments, **options)

    socket.getaddrinfo = stop  # type: ignore[assignment]  # it takes whatever the other one does
