"""An upgrade without downtime: processes of the old and of the new version serve over one database.

In an upgrade, the new version's `migrate` runs while old processes serve, which are then replaced one by one. Here
they keep running beside the new ones.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import requests

from connector.access.development import mint_token
from connector.bootstrap import create_services
from connector.domain.providers.provider import ProviderConfig
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.schema import newest_version
from tests import databases
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.faults.deployment import ROOT, STARTING_TIME, Process, is_ready
from tests.harness import Caller, run_id_of, verified
from tests.patience import patient_settings
from tests.ports import free_port
from tests.upgrades.trees import LATER, former_version, later_version
from tests.values import MAPPING, VALUES
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

TENANT = Tenant(DEFAULT_TENANT)


class Running:
    """A `serve` of some version's code."""

    def __init__(self, tree: Path, environ: dict[str, str], log: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.process = Process(["serve", "--dev", "--port", str(port)], environ, log, tree)

    def start(self) -> None:
        self.process.start()
        wait_until(lambda: is_ready(self.url), STARTING_TIME * 2)


class Site:
    """An empty database, and processes of several versions on it."""

    def __init__(self, settings: Settings, simulator: Simulator, directory: Path) -> None:
        self._settings = settings
        self._simulator = simulator
        self._directory = directory
        self._stack = ExitStack()
        self._environ = {
            "CONNECTOR_DATA_DIR": str(settings.data_dir),
            "CONNECTOR_DATABASE_URL": settings.database_url,
            "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true",
            "CONNECTOR_ONFIDO_READ_TIMEOUT": "60",
        }
        self.provider_id = ""

    def populate(self) -> None:
        """Add users and a provider."""
        with closing(create_services(self._settings)) as services:
            for name in ("ann", "bob", "cyd"):
                services.users.add(TENANT, name, VALUES)
            api_url = self._simulator.api_url
            config = ProviderConfig("Onfido", True, MAPPING, WORKFLOW_ID, api_url, api_token=API_TOKEN)
            self.provider_id = services.providers.add(TENANT, config).provider_id

    def close(self) -> None:
        self._stack.close()

    def serve(self, tree: Path) -> Running:
        running = Running(tree, self._environ, self._directory / f"{tree.name}-{free_port()}.log")
        self._stack.callback(running.process.kill)
        running.start()
        return running

    def migrate(self, tree: Path) -> subprocess.CompletedProcess[str]:
        process = Process(["migrate"], self._environ, self._directory / "migrate.log", tree)
        return subprocess.run(
            process.command, cwd=tree, env=process.environ, capture_output=True, text=True, timeout=300, check=False
        )

    def caller(self, running: Running, user_id: str) -> Caller:
        token = mint_token(self._settings.data_dir, user_id, ["internal_login"])
        return Caller(running.url, {"Authorization": f"Bearer {token}"})

    def verify(self, user_id: str, first: Running, then: Running) -> None:
        """Verify a user: one process begins the verification, the other one ends it."""
        begun = self.caller(first, user_id).verify(self.provider_id, "INITIATED")
        assert begun.status_code == 200, begun.text
        outcome = f"{self._simulator.url}/simulator/runs/{run_id_of(begun)}/outcome"
        assert requests.post(outcome, json={}, timeout=60).ok
        ended = self.caller(then, user_id).verify(self.provider_id, "COMPLETED")
        assert ended.status_code == 200, ended.text
        assert verified(self.caller(first, user_id).claims()) == set(MAPPING)


def test_a_page_whose_files_were_replaced_under_the_process_is_refused_with_an_answer(
    simulator: Simulator, tmp_path: Path
) -> None:
    tree = later_version(tmp_path, supports=newest_version())
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    with closing(Site(patient_settings(data_dir, ""), simulator, tmp_path)) as site:
        running = site.serve(tree)
        (tree / "connector" / "console" / "frame.py").write_text("from connector.pages import of_a_later_version\n")

        answer = requests.get(f"{running.url}/console/", timeout=60)

        assert (answer.status_code, answer.json()["code"]) == (500, "HTTP-500")
        assert answer.json()["traceId"] in running.log.read_text()
        assert is_ready(running.url), "all other requests are answered"


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, simulator: Simulator, tmp_path: Path) -> Iterator[Site]:
    """A site with a separate database, because its schema is changed."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    url = f"sqlite:///{data_dir / 'connector.db'}"
    if request.param == "postgresql":
        url = databases.put_database(request.getfixturevalue("postgresql_server"), databases.new_name())
    made = Site(patient_settings(data_dir, url), simulator, tmp_path)
    yield made
    made.close()


def serve_together(site: Site, old: Path, new: Path) -> None:
    """Migrate under an old process, and verify users by both."""
    assert site.migrate(old).returncode == 0
    former = site.serve(old)
    migrated = site.migrate(new)
    assert (migrated.returncode, migrated.stdout) == (0, "The database is up to date.\n"), migrated.stderr
    assert is_ready(former.url)
    site.populate()
    later = site.serve(new)
    site.verify("ann", former, later)
    site.verify("bob", later, former)
    again = site.serve(old)  # as one that a supervisor starts meanwhile, or as after a rollback
    site.verify("cyd", again, later)
    assert "request.failed" not in former.log.read_text() + later.log.read_text() + again.log.read_text()


def test_this_version_serves_with_a_later_schema(site: Site, tmp_path: Path) -> None:
    later = later_version(tmp_path, supports=newest_version())
    serve_together(site, ROOT, later)

    rolled_back = site.migrate(ROOT)
    assert (rolled_back.returncode, rolled_back.stdout) == (0, "The database is up to date.\n")


def test_the_version_before_the_newest_migration_serves_together_with_this_one(site: Site, tmp_path: Path) -> None:
    former = former_version(tmp_path)
    if former is None:
        pytest.skip("The history of the code is not here, or no earlier version can serve over a newer schema.")
    serve_together(site, former, ROOT)


@pytest.mark.one_database
def test_this_version_does_not_serve_with_an_unusable_schema(site: Site, tmp_path: Path) -> None:
    later = later_version(tmp_path, supports=LATER)
    assert site.migrate(ROOT).returncode == 0
    running = site.serve(ROOT)
    assert site.migrate(later).returncode == 0

    answer = requests.get(f"{running.url}/readyz", timeout=60)
    assert answer.status_code == 503
    assert "install that version" in answer.json()["description"]
    refused = site.migrate(ROOT)
    assert refused.returncode != 0
    assert "install that version" in refused.stderr
