"""One suite over both databases, a real SQLite file and a real PostgreSQL server; each test has a separate database."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import make_url

from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.engine import Database
from tests import databases
from tests.bodies import API_TOKEN, config_properties, provider_body
from tests.harness import HTTP, Clock, ConnectorServer, World
from tests.patience import patient_settings
from tests.waiting import GENEROUS

pytest_plugins = ["tests.failures"]

# PostgreSQL's launcher wants a runtime directory; not every machine has one.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))

# A shell's background job ignores Ctrl-C, and so would each command that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis_settings.register_profile(
    "default",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
hypothesis_settings.load_profile("default")

MEMORY, ENOUGH = Path("/dev/shm"), 4 * 2**30  # bytes; a container may have very few

# Collection of garbage in seldom, large steps: the defaults cost a seventh of the CPU time, as fixtures keep so much.
gc.set_threshold(100_000, 50, 100)

# Plain tracebacks: the default's cost seconds each.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer()])


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Load a share of all test modules before the others, if this process is one of several.

    Pytest compiles a test module itself when it is first loaded. On a new clone each process would compile every one,
    because all of them load the modules in the same order.
    """
    config = session.config
    of_process = getattr(config, "workerinput", None)
    if of_process is None or config.args != config.getini("testpaths"):
        return
    ignored = [config.rootpath / each for each in config.getoption("ignore") or ()]
    paths = sorted(path for each in config.args for path in (config.rootpath / each).rglob("test_*.py"))
    chosen = [path for path in paths if not any(path.is_relative_to(each) for each in ignored)]
    for path in chosen[int(of_process["workerid"].removeprefix("gw")) :: of_process["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # which the collection reports
            import_module(".".join(path.relative_to(config.rootpath).with_suffix("").parts))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Run tests that do not depend on the database once, mark those over PostgreSQL, and start with the longest."""
    items[:] = [each for each in items if not (_names_postgresql(each) and each.get_closest_marker("one_database"))]
    for item in items:
        if _names_postgresql(item):
            item.add_marker("postgresql")
    yield
    long = {each.path for each in items if each.get_closest_marker("timeout")}
    items.sort(
        key=lambda each: each.path not in long
    )  # by file, so that the shared fixtures of its tests are made once


def _names_postgresql(item: pytest.Item) -> bool:
    """Whether a test's parameter is PostgreSQL; the test's own name is ignored."""
    return "postgresql" in item.name.partition("[")[2]


def pytest_collection_finish() -> None:
    """Exclude the collected tests from later garbage collections, because they exist until the end."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report missing servers and programs, because their tests were skipped and did not pass."""
    reports = terminalreporter.stats.get("skipped", ())
    skipped = [str(each.longrepr[2]) for each in reports if isinstance(each.longrepr, tuple)]
    reasons = Counter(reason for reason in skipped if ": not installed (" in reason)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} tests did not run. {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "connector.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgresql_server(testrun_uid: str) -> Iterator[str]:
    """The URL of the database `postgres` on a PostgreSQL server that all processes of this test run share."""
    with databases.postgresql_server(testrun_uid) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a migrated database, to be copied."""
    name = databases.new_name()
    database = Database(databases.put_database(postgresql_server, name))
    database.migrate()
    database.close()
    return name


@pytest.fixture(scope="session")
def sqlite_directory() -> Iterator[Path]:
    """A directory for SQLite's files, in memory if there is enough: no test needs files to survive a power loss."""
    is_large = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH
    with tempfile.TemporaryDirectory(
        prefix="tests-", dir=MEMORY if is_large else None, ignore_cleanup_errors=True
    ) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make a migrated database, `sqlite` or `postgresql`, and return its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            path = Path(tempfile.mkdtemp(dir=request.getfixturevalue("sqlite_directory"))) / "connector.db"
            return f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), path)}"
        server, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("server", "template"))
        return databases.put_database(server, databases.new_name(), template)

    return make


@pytest.fixture(scope="session")
def new_settings(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Callable[..., Settings]:
    """Make patient settings for a connector on a database that it alone has, `sqlite` or `postgresql`."""

    def make(kind: str, **changes: Any) -> Settings:
        return patient_settings(tmp_path_factory.mktemp("data"), new_database(kind), **changes)

    return make


@pytest.fixture(scope="session")
def postgresql_database(new_database: Callable[[str], str]) -> str:
    """The URL of a migrated database that each test leaves empty."""
    return new_database("postgresql")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if request.param == "sqlite":
        url = new_database("sqlite")
        yield url
        shutil.rmtree(Path(str(make_url(url).database)).parent, ignore_errors=True)
        return
    url = request.getfixturevalue("postgresql_database")
    yield url
    databases.empty_database(url)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for a connector that trusts its development issuer."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return patient_settings(data_dir, database_url)


@pytest.fixture
def clock() -> Clock:
    """The connector's clock."""
    return Clock()


@pytest.fixture(scope="session")
def standing_simulator() -> Iterator[Simulator]:
    """A simulated Onfido that runs until the last test."""
    with Simulator() as running:
        yield running


@pytest.fixture
def simulator(standing_simulator: Simulator) -> Iterator[Simulator]:
    """An empty simulated Onfido."""
    yield standing_simulator
    assert HTTP.post(f"{standing_simulator.url}/simulator/reset", timeout=60).ok


@pytest.fixture
def connector(settings: Settings, clock: Clock) -> Iterator[ConnectorServer]:
    """A connector without providers."""
    with ConnectorServer(settings, clock) as running:
        yield running


@pytest.fixture
def world(connector: ConnectorServer, simulator: Simulator, clock: Clock) -> World:
    """A connector with a provider whose webhook is registered at Onfido."""
    webhook = ask_onfido(simulator, "POST", "/webhooks", url=connector.url, events=["workflow_run.completed"])
    made = World(connector, simulator, clock, webhook_token=webhook["token"])
    properties = config_properties(simulator, webhook_token=made.webhook_token)
    answer = connector.as_admin().post(
        "/api/server/v1/idv-providers", provider_body(simulator, configProperties=properties)
    )
    assert answer.status_code == 201, answer.text
    made.provider_id = answer.json()["id"]
    url = f"{connector.url}/idv/onfido/v1/{made.provider_id}/verify"
    ask_onfido(simulator, "PUT", f"/webhooks/{webhook['id']}", url=url, name="tests")
    return made


def ask_onfido(simulator: Simulator, method: str, path: str, **body: Any) -> Any:
    """Call Onfido's API as its account's administrator does."""
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    answer = HTTP.request(method, simulator.api_url + path, json=body, headers=headers, timeout=GENEROUS)
    assert answer.ok, answer.text
    return answer.json()
