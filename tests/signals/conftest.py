"""A connector whose operator has named the levels of assurance."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.settings import Settings
from tests.patience import patient_settings
from tests.signals.receiver import SIGNALS


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings with names of levels."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return patient_settings(data_dir, database_url, signals=SIGNALS)
