"""Settings with which no test depends on how fast the machine is, or on what a test before it has done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.settings import Settings


def patient_settings(data_dir: Path, database_url: str, **changes: Any) -> Settings:
    """Return settings that trust the development issuer; what holds calls to Onfido back has tests of its own."""
    values: dict[str, Any] = {
        "allow_http_loopback": True,
        "onfido_connect_timeout": 60,
        "onfido_read_timeout": 60,
        "onfido_rate_limit": 1_000_000,
        "onfido_circuit_failures": 1_000_000,
        "dev": True,
    }
    return Settings(data_dir=data_dir, database_url=database_url, **values | changes)
