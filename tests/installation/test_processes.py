"""The checks of running processes and of providers, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap import Services, create_services
from connector.domain.providers.provider import ProviderConfig
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.installation import onfido
from connector.installation.processes import check_processes
from connector.process.heartbeat import SERVE, WORKER
from connector.services.processes import Starting
from connector.settings import Settings
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.patience import patient_settings
from tests.values import MAPPING

TENANT = Tenant(DEFAULT_TENANT)


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    (data_dir := tmp_path / "data").mkdir(mode=0o700)
    opened = create_services(patient_settings(data_dir, database_url, worker_in_server="never"))
    yield opened
    opened.close()


def run_process(services: Services, role: str, **exact: str) -> None:
    settings: dict[str, Any] = {"threads": 8}
    starting = Starting(role, "host", 1, DEFAULT_TENANT, settings, {"event_retention_days": "30"} | exact)
    services.processes.register(starting)


def test_processes_of_both_roles_with_the_same_settings_pass(services: Services) -> None:
    assert check_processes(services).passed is None
    run_process(services, SERVE)
    run_process(services, SERVE)
    run_process(services, WORKER)
    check = check_processes(services)
    assert (check.passed, check.is_warning) == (True, False)
    assert "2 `connector serve` and 1 `connector worker`" in check.detail


@pytest.mark.parametrize(("role", "missing"), [(SERVE, "worker"), (WORKER, "serve")])
def test_a_missing_role_is_a_warning(services: Services, role: str, missing: str) -> None:
    run_process(services, role)
    check = check_processes(services)
    assert (check.is_warning, f"no `connector {missing}`" in check.detail) == (True, True)


def test_processes_with_different_settings_are_a_warning(services: Services) -> None:
    run_process(services, SERVE)
    run_process(services, WORKER, event_retention_days="7")
    check = check_processes(services)
    assert (check.is_warning, "(event_retention_days)" in check.detail) == (True, True)


def add_provider(services: Services, name: str, *, is_enabled: bool = True) -> None:
    config = ProviderConfig(name, is_enabled, MAPPING, WORKFLOW_ID, "http://127.0.0.1:1/v3.6", api_token=API_TOKEN)
    services.providers.add(TENANT, config)


def test_some_of_many_providers_are_checked_and_the_others_counted(services: Services) -> None:
    for number in range(onfido.MOST + 2):
        add_provider(services, f"provider {number:02}", is_enabled=False)
    checks = dict(onfido.check_providers(services, TENANT))
    assert len(checks) == onfido.MOST + 1
    assert "2 more providers" in checks["further providers"].detail
    assert list(onfido.check_providers(services, Tenant("acme"))) == []


def test_a_provider_that_the_settings_no_longer_allow_fails_with_advice(services: Services, tmp_path: Path) -> None:
    add_provider(services, "Onfido")
    strict = create_services(Settings(data_dir=tmp_path / "data", database_url=services.settings.database_url))
    [(name, check)] = onfido.check_providers(strict, TENANT)
    strict.close()
    assert (name, check.passed) == ("Onfido", False)
    assert "connector provider update" in check.detail
