"""Installing: the wheel contains what the documents name, and a Python that is too old is refused."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connector import __version__
from connector.shipped import dialects, example_files

ROOT = Path(__file__).parent.parent
OLD = "import sys; sys.version_info = (3, 10, 1, 'final', 0); "


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "MAKE"))}
    return subprocess.run(
        command, cwd=ROOT, env=environ | variables, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the wheel is installed."""
    directory = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    offline = ("--no-index", "--no-deps")
    built = run(*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(directory), str(ROOT))
    assert built.returncode == 0, built.stderr
    [wheel] = directory.glob("*.whl")
    target = run(*pip, "install", *offline, "--target", str(directory / "installed"), str(wheel))
    assert target.returncode == 0, target.stderr
    return directory / "installed"


# Runs the commands given as JSON, and prints what each has printed.
RUN = """
import json, sys
from click.testing import CliRunner
from connector.cli import main
results = [CliRunner().invoke(main, each, catch_exceptions=False) for each in json.loads(sys.argv[1])]
assert all(each.exit_code == 0 for each in results), [each.output for each in results]
print(json.dumps([each.stdout for each in results]))
"""


def connector(installed: Path, data_dir: Path, program: str, *arguments: str, **variables: str) -> str:
    """Run a program with the installed connector, outside the clone; returns its output."""
    environ = {"PYTHONPATH": str(installed), "CONNECTOR_DATA_DIR": str(data_dir)} | variables
    before = (
        f"import os; os.chdir({str(data_dir.parent)!r}); import connector.__main__ as main; "
        f"assert main.__file__.startswith({str(installed)!r})"
    )
    result = run(sys.executable, "-P", "-c", f"{before}\n{program}", *arguments, **environ)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_installed_wheel_prints_its_version(installed: Path, tmp_path: Path) -> None:
    assert __version__ in connector(installed, tmp_path / "data", "main.run()", "--version")


def test_an_installed_wheel_is_marked_as_typed(installed: Path) -> None:
    assert (installed / "connector" / "py.typed").is_file()


def test_an_installed_wheel_contains_the_examples_and_dialects(installed: Path, tmp_path: Path) -> None:
    examples = [["example", name] for name in example_files()]
    adding = ["provider", "add", "--offline", "--json", "--workflow-id", "7f1a0c52-6a7e-4a6a-9d3b-0c5de0f0a001"]
    additions = [[*adding, "--name", name, "--claims", name] for name in dialects()]
    token = {"ONFIDO_API_TOKEN": "api_sandbox.anything-of-a-sane-length"}
    printed = connector(installed, tmp_path / "data", RUN, json.dumps([*examples, *additions]), **token)
    outputs = iter(json.loads(printed))
    for path in example_files().values():
        assert next(outputs) == path.read_text(encoding="utf-8")
    for claims in dialects().values():
        mapped = json.loads(next(outputs))["claims"]
        assert {each["localClaim"]: each["idvpClaim"] for each in mapped} == claims
    assert next(outputs, None) is None


@pytest.mark.parametrize("program", ["import connector", "import connector.__main__", "from connector.cli import main"])
def test_an_old_python_is_refused_in_one_line_that_names_the_required_one(program: str) -> None:
    result = run(sys.executable, "-c", OLD + program)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "The connector needs Python 3.11 or newer; this is Python 3.10.\n"


def test_an_old_python_can_read_the_file_that_refuses_it() -> None:
    ast.parse((ROOT / "connector" / "__init__.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_continuous_integration_checks_style_and_types_and_runs_the_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line.startswith(("make ", "npm "))]
    assert [command.split(" --no-")[0] for command in commands] == [
        "make check",
        "npm --prefix tests/identity/node ci",
        "make deploy-check",
        "make test",
        "make coverage",
        "make browser-test",
    ]


def test_node_packages_are_pinned_by_digest_without_a_registry() -> None:
    folder = ROOT / "tests" / "identity" / "node"
    declared = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert packages.pop("")["dependencies"] == declared
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in declared.values())
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


def test_the_pre_commit_hooks_run_the_commands_of_make_check() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    tools = re.findall(r"\$\(BIN\)/(ruff \w+|mypy)", recipe)
    assert tools == re.findall(r"entry: \.venv/bin/(ruff \w+|mypy)", hooks)


class TestMake:
    @pytest.fixture
    def old_python(self, tmp_path: Path) -> Path:
        """A Python that reports the version 3.10."""
        return script(tmp_path / "python3.10", f'exec {sys.executable} -c "{OLD} exec(sys.argv[1])" "$2"')

    @pytest.mark.parametrize("target", ["demo", "test", "lock"])
    def test_an_old_python_is_refused_before_anything_is_created(
        self, tmp_path: Path, old_python: Path, target: str
    ) -> None:
        venv = tmp_path / "venv"
        result = run("make", target, f"PYTHON={old_python}", f"VENV={venv}")
        assert result.returncode == 2
        assert f"Python 3.11 or newer is needed; {old_python} is 3.10." in result.stderr
        assert not venv.exists()

    @pytest.mark.parametrize(("python", "is_made_anew"), [("exit 1", True), ("exit 0", False)])
    def test_an_environment_with_an_unusable_python_is_created_again(
        self, tmp_path: Path, python: str, is_made_anew: bool
    ) -> None:
        venv = tmp_path / "venv"
        (venv / "bin").mkdir(parents=True)
        script(venv / "bin" / "python", python)
        (venv / ".ready").touch()
        commands = run("make", "--dry-run", "demo", f"VENV={venv}").stdout
        assert (f"-m venv --clear {venv}" in commands) is is_made_anew
        assert f"{venv}/bin/connector demo" in commands

    def test_installing_is_announced_in_one_sentence(self, tmp_path: Path) -> None:
        done = script(tmp_path / "python", "exit 0")
        venv = tmp_path / "venv"
        (venv / "bin").mkdir(parents=True)
        for name in ("python", "connector"):
            script(venv / "bin" / name, "exit 0")
        result = run("make", "demo", f"PYTHON={done}", f"VENV={venv}")
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"Installing into {venv}, about a minute\n"


def script(path: Path, content: str) -> Path:
    path.write_text(f"#!/bin/sh\n{content}\n")
    path.chmod(0o755)
    return path


def normal(pinned: str) -> str:
    """Return `name==version` with the name normalized as in the package index."""
    name, _, version = pinned.lower().partition("==")
    return f"{re.sub(r'[-_.]+', '-', name)}=={version}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_has_digests_and_the_tested_version(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    constraints = [normal(each) for each in (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8").split()]
    for each in re.split(r"\n(?=\S)", text.strip()):
        pinned, *digests = (part.strip() for part in each.replace("\\\n", "\n").splitlines())
        assert normal(pinned) in constraints
        assert digests
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", digest) for digest in digests)
    assert re.search(r"://|file:|--index|--find-links", text) is None, "nothing of the machine that made it"
