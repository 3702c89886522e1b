"""Settings that make tests independent of the machine's speed and of earlier tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.settings import Settings

BUDGET = 60.0  # seconds of all calls to Onfido of a request; a busy machine may need more than the default
LEASE = BUDGET + 15  # seconds: the budget, and the margin


def patient_settings(data_dir: Path, database_url: str, **changes: Any) -> Settings:
    """Return settings that trust the development issuer; the limits on calls to Onfido have separate tests."""
    values: dict[str, Any] = {
        "allow_http_loopback": True,
        "onfido_connect_timeout": 60,
        "onfido_read_timeout": 60,
        "onfido_rate_limit": 1_000_000,
        "onfido_circuit_failures": 1_000_000,
        "interactive_budget": BUDGET,
        "run_settle_time": BUDGET,
        "dev": True,
    }
    return Settings(data_dir=data_dir, database_url=database_url, **values | changes)
