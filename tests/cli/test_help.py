"""Help at the command line: an example for every command, errors in JSON, completion."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.cli.help import EXAMPLES, commands

Run = Callable[..., Result]
COMMANDS = dict(commands(main))
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def called(words: list[str]) -> tuple[str, click.Command, list[str]]:
    """Return the command that a command line calls, its name, and the remaining words."""
    command: click.Command = main
    name: list[str] = []
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words[0]]
        name.append(words.pop(0))
    return " ".join(name), command, words


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_the_help_of_every_command_ends_with_an_example(words: str) -> None:
    shown = CliRunner().invoke(main, [*words.split(), "--help"]).stdout
    assert shown.count("Example:") == 1
    assert r"\b" not in shown
    example = shown.partition("  Example:\n")[2].replace("\\\n", " ")
    calls = [call for line in example.splitlines() for call in re.findall(r"(?:^|\s|\()connector ([^|<>)]*)", line)]
    assert calls
    for call in calls:
        name, command, rest = called(shlex.split(call))
        assert name == words
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"} <= known, call
        needed = [each for each in command.params if isinstance(each, click.Argument) and each.required]
        assert len(rest) >= len(needed), call


def test_no_example_names_a_missing_command() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "status", "code", "named"),
    [
        (("provider", "show", UNKNOWN, "--json"), 1, "IDVP-60000", UNKNOWN),
        (("provider", "update", "nothing", "--json", "--name", "x"), 1, "IDVP-60000", "nothing"),
        (("user", "show", "--json", "nobody"), 1, "IDV-10001", "nobody"),
        (("verification", "show", "no-run", "--json"), 1, "IDVP-60010", "no-run"),
        (("verification", "list", "--from", "yesterday", "--json"), 1, "IDVP-60004", "from"),
        (("provider", "add", "--json", "--region", "mars"), 2, "CLI-2", "mars"),
        (("provider", "nonsense", "--json"), 2, "CLI-2", "nonsense"),
        (("verification", "show", "--json"), 2, "CLI-2", "RUN_ID"),
        (("user", "list", "--json", "--limit", "0"), 2, "CLI-2", "limit"),
        (("--config", "/no/such/settings.toml", "provider", "list", "--json"), 1, "CLI-1", "/no/such/settings.toml"),
    ],
)
def test_errors_are_json_with_the_json_option(
    run: Run, arguments: tuple[str, ...], status: int, code: str, named: str
) -> None:
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (status, "")
    error = json.loads(result.stderr)
    assert set(error) == {"code", "message", "description"}
    assert error["code"] == code
    assert error["message"]
    assert named in error["description"]


def test_errors_are_one_line_without_the_json_option(run: Run) -> None:
    assert (
        run("provider", "show", UNKNOWN).stderr
        == f"Error: There is no identity verification provider {UNKNOWN}: check the id and the tenant.\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_generated_for_every_shell(shell: str) -> None:
    made = CliRunner().invoke(main, [], env={"_CONNECTOR_COMPLETE": f"{shell}_source"}, prog_name="connector")
    assert made.exit_code == 0
    assert "connector" in made.stdout
