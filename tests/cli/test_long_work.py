"""Long work: it reports its progress, can be ended at any moment, and continues where it was."""

from __future__ import annotations

import base64
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, insert, select, text

from connector.cli.progress import EVERY, Lines, Stop, duration, ending_between_steps, stoppable
from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.engine import Database
from connector.store.models import user_attributes, users, verifications
from tests.cli.test_upkeep import add_provider
from tests.processes import running
from tests.waiting import GENEROUS

Run = Callable[..., Result]
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
MANY = 15_000  # users: seconds of work for the fastest machine
PATIENCE = GENEROUS


def csv_of(number: int) -> str:
    rows = (f"user-{at:06},Given{at},Last{at}\n" for at in range(number))
    return "id,http://wso2.org/claims/givenname,http://wso2.org/claims/lastname\n" + "".join(rows)


@pytest.fixture
def many_users(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text(csv_of(MANY))
    return path


@pytest.fixture
def database(data_dir: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{data_dir / 'connector.db'}")
    yield opened
    opened.close()


def number_of_users(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(users)).scalar_one()


def sealed_with(database: Database, prefix: str) -> int:
    counted = select(func.count()).where(user_attributes.c.value.startswith(prefix))
    with database.read() as connection:
        return connection.execute(counted).scalar_one()


@pytest.fixture
def spawn(data_dir: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process of its own."""
    with ExitStack() as stack:

        def spawn(*arguments: str, **variables: str) -> subprocess.Popen[str]:
            environ = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
            environ |= {"CONNECTOR_DATA_DIR": str(data_dir)} | variables
            command, pipe = [sys.executable, "-m", "connector", *arguments], subprocess.PIPE
            return stack.enter_context(running(command, env=environ, stdout=pipe, stderr=pipe, text=True))

        yield spawn


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "it ended too soon"
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_reports_its_progress_and_continues_when_repeated(
    run: Run, spawn: Callable[..., subprocess.Popen[str]], database: Database, many_users: Path, number: signal.Signals
) -> None:
    process = spawn("user", "import", str(many_users))
    wait_until(lambda: number_of_users(database) > 0, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    there = number_of_users(database)
    assert 0 < there < MANY
    assert f"Interrupted: {there:,} of {MANY:,} users are imported." in said
    assert "Traceback" not in said
    many_users.write_text(csv_of(there + 1))
    assert run("user", "import", str(many_users)).stdout == f"Added 1, changed 0, unchanged {there:,}, refused 0.\n"


def test_an_import_aborted_by_the_database_reports_its_progress(run: Run, database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON users WHEN NEW.user_id = 'user-000700' "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        )
    path = tmp_path / "users.csv"
    path.write_text(csv_of(1_000))
    result = run("user", "import", str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Interrupted: 500 of 1,000 users are imported. Import the same file again to continue.",
        "Error: The database refused: database or disk is full",
    ]
    assert number_of_users(database) == 500


def test_a_killed_rotation_continues_when_repeated(
    run: Run, spawn: Callable[..., subprocess.Popen[str]], database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "users.csv"
    path.write_text(csv_of(MANY))
    assert run("user", "import", str(path), CONNECTOR_ENCRYPTION_KEYS=OLD).exit_code == 0
    with database.read() as connection:
        before = connection.execute(select(user_attributes.c.value).limit(1)).scalar_one()[: len("v1.01234567.")]
    total = sealed_with(database, before)
    keys = {"CONNECTOR_ENCRYPTION_KEYS": f"{NEW},{OLD}"}

    killed = spawn("rotate-keys", **keys)
    wait_until(lambda: sealed_with(database, before) < total, killed)
    killed.kill()
    killed.communicate()
    left = sealed_with(database, before)
    assert 0 < left < total

    interrupted = spawn("rotate-keys", **keys)
    wait_until(lambda: sealed_with(database, before) < left, interrupted)
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate(timeout=PATIENCE)
    if interrupted.returncode:  # where it was not at its last step anyway
        assert interrupted.returncode == 130
        assert re.search(r"Interrupted: [\d,]+ of [\d,]+ values are done", said)

    result = run("rotate-keys", **keys)
    assert (result.exit_code, result.stdout) == (0, "Everything is encrypted with the first key.\n")
    assert sealed_with(database, before) == 0
    shown = run("user", "show", "user-000007", CONNECTOR_ENCRYPTION_KEYS=NEW)
    assert "Given7" in shown.stdout


def test_a_terminal_shows_a_progress_bar_with_rate_and_remaining_time(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text(csv_of(2_000))
    shown, printed = on_terminal(data_dir, "user", "import", str(path))
    assert printed == "Added 2,000, changed 0, unchanged 0, refused 0.\n"
    assert "users  [#" in shown
    assert "2000/2000" in shown
    assert re.search(r"1000/2000  [\d,]+/s, about \d+ s left", shown)


def seed_verifications(run: Run, database: Database, number: int) -> None:
    """Insert verifications that have ended."""
    provider_id, now = add_provider(run), datetime.now(UTC)
    rows = [
        {
            "id": str(uuid.uuid4()),
            "tenant": DEFAULT_TENANT,
            "provider_id": provider_id,
            "user_id": f"user-{at}",
            "status": "approved",
            "created_at": now + timedelta(seconds=at),
            "updated_at": now,
            "closed_at": now,
        }
        for at in range(number)
    ]
    with database.write() as connection:
        connection.execute(insert(verifications), rows)


def test_an_export_shows_its_progress(run: Run, database: Database, data_dir: Path, tmp_path: Path) -> None:
    seed_verifications(run, database, 1_100)
    assert len(run("verification", "export").stdout.splitlines()) == 1_101
    path = tmp_path / "verifications.csv"
    shown, printed = on_terminal(data_dir, "verification", "export", "--output", str(path))
    assert printed == ""
    assert "verifications  [#" in shown
    assert "1100/1100" in shown
    assert len(path.read_bytes().splitlines()) == 1_101


def test_an_export_that_is_interrupted_leaves_no_file(
    run: Run, spawn: Callable[..., subprocess.Popen[str]], database: Database, tmp_path: Path
) -> None:
    seed_verifications(run, database, 4 * MANY)
    path = tmp_path / "out" / "verifications.csv"
    path.parent.mkdir()
    for _ in range(20):  # on a busy machine it may be done before the signal comes
        path.unlink(missing_ok=True)
        process = spawn("verification", "export", "--output", str(path))
        wait_until(lambda: any(path.parent.iterdir()), process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
        if process.returncode:
            break
    assert (process.returncode, list(path.parent.iterdir())) == (130, [])
    assert f"Interrupted: {path} was not written." in said
    assert "Traceback" not in said


def on_terminal(data_dir: Path, *arguments: str) -> tuple[str, str]:
    """Run a command whose standard error is a terminal; returns the terminal's content, and the standard output."""
    primary, secondary = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
    environ |= {"CONNECTOR_DATA_DIR": str(data_dir), "TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-m", "connector", *arguments]
    with running(command, env=environ, stdout=subprocess.PIPE, stderr=secondary, text=True) as process:
        os.close(secondary)
        shown = read_all(primary)
        return shown, process.communicate(timeout=PATIENCE)[0]


def read_all(descriptor: int) -> str:
    """Read a terminal's content until it is closed."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # Linux's way to say that the other side was closed
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode()
        parts.append(part)


def test_progress_without_a_terminal_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    lines = Lines(10_000, "users", lambda: now)
    for seconds, number in ((1, 500), (EVERY, 1_000), (1, 500), (EVERY, 0), (EVERY, 8_000)):
        now += seconds
        lines(number)
    assert capsys.readouterr().err.splitlines() == [
        "1,500 of 10,000 users (15 %), 250/s, about 34 s left",
        "2,000 of 10,000 users (20 %), 167/s, about 48 s left",
        "10,000 of 10,000 users (100 %), 588/s, about 0 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7_805, "2 h 10 min")]
)
def test_a_duration_is_formatted_for_readers(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_the_first_signal_requests_an_orderly_end_and_the_second_aborts() -> None:
    def work(stop: Stop) -> Iterator[int]:
        for step in stop.until(range(10)):
            os.kill(os.getpid(), signal.SIGINT)
            yield step

    before = signal.getsignal(signal.SIGINT)
    with stoppable() as stop:
        assert list(work(stop)) == [0]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_work_that_leaves_nothing_behind_ends_only_where_it_looks_and_further_signals_have_no_effect(
    number: signal.Signals,
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    done: list[str] = []
    try:
        with ending_between_steps() as stop:
            stop.check()
            for _ in range(2):
                os.kill(os.getpid(), number)
            done.append("the step")
            stop.check()
            done.append("another step")
        os.kill(os.getpid(), number)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert done == ["the step"]


def test_work_in_another_thread_does_not_handle_signals() -> None:
    done: list[int] = []

    def work() -> None:
        with stoppable() as stop:
            done.extend(stop.until(range(3)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [0, 1, 2]
