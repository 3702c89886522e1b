"""An example at the end of every command's help."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Iterator, Mapping

import click

RUN = "c7ff64b6-e9ab-4b07-a4d0-c3c68a264804"
APPLICANT = "87fed579-ccb5-40ef-8bf1-c7fb5aaf285f"
ENDPOINT = "b94d27b9-9f05-4b5c-8b1a-0c5de0f0a002"
CLIENT = "1c9c8e1e-6a7e-4a6a-9d3b-0c5de0f0a003"
STREAM = "3f6b8c1d-7a1b-4c57-8a6e-0c5de0f0a004"
DELIVERY = "5c8a1f0e-6a7e-4a6a-9d3b-0c5de0f0a001"

# By the words of the command; a command of several lines is joined by backslashes.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "provider add": (
        "export ONFIDO_API_TOKEN=api_sandbox.…",
        "connector provider add --name Onfido --region eu --claims wso2 \\",
        "  --workflow-id 7f1a0c52-6a7e-4a6a-9d3b-0c5de0f0a001",
    ),
    "provider list": ("connector provider list --json",),
    "provider show": ("connector provider show Onfido",),
    "provider update": (
        "ONFIDO_API_TOKEN=api_live.… connector provider update Onfido",
        "connector provider update Onfido --claim http://wso2.org/claims/dob=dob",
    ),
    "provider end-overlap": ("connector provider end-overlap Onfido",),
    "provider remove": ("connector provider remove Onfido --yes",),
    "provider test": ("connector provider test Onfido",),
    "provider health": ("connector provider health",),
    "provider progress": ("connector provider progress Onfido",),
    "provider add-webhook": ("connector provider add-webhook Onfido",),
    "provider remove-webhook": ("connector provider remove-webhook Onfido",),
    "user add": ("connector user add ann -a http://wso2.org/claims/givenname=Ann",),
    "user set": ("connector user set ann -a http://wso2.org/claims/lastname=Other",),
    "user list": ("connector user list --search ann", "connector user list --limit 100 --json"),
    "user show": ("connector user show ann",),
    "user unlock": ("connector user unlock ann --provider Onfido",),
    "user import": ("connector user import --dry-run users.csv",),
    "user remove": ("connector user remove ann --yes",),
    "events list": ("connector events list --state parked", "connector events list --provider Onfido --watch"),
    "events show": (f"connector events show {DELIVERY} --body",),
    "events refused": ("connector events refused",),
    "events replay": (f"connector events replay {DELIVERY}",),
    "verification dry-run": (f"connector verification dry-run {RUN} --claim http://wso2.org/claims/dob=dob",),
    "provider remapping-impact": ("connector provider remapping-impact Onfido --claims keycloak",),
    "provider match-impact": ("connector provider match-impact Onfido",),
    "stats": ("connector stats --period 90d", "connector stats --from 2026-01-01 --to 2026-01-31 --json"),
    "outbox list": ("connector outbox list --dead",),
    "outbox counts": ("connector outbox counts --provider Onfido",),
    "outbox retry": (f"connector outbox retry {DELIVERY}",),
    "outbox drop": (f"connector outbox drop {DELIVERY} --yes",),
    "verification delivery-proof": (f"connector verification delivery-proof {RUN} --json",),
    "jobs csv": ("connector jobs csv --status declined --from 2026-11-01 --wait",),
    "jobs record": ("connector jobs record ann --wait",),
    "jobs resend": (
        "connector jobs resend --since 2026-01-31T01:00:00Z --wait",
        f"connector jobs resend --since 2026-01-31 --everything --endpoint {ENDPOINT}",
    ),
    "jobs fetch-runs": ("connector jobs fetch-runs Onfido --since 2026-01-31",),
    "jobs list": ("connector jobs list --json",),
    "jobs show": (f"connector jobs show {DELIVERY}",),
    "jobs result": (f"connector jobs result {DELIVERY} --output verifications.csv",),
    "jobs cancel": (f"connector jobs cancel {DELIVERY}",),
    "openid add-client": (
        "connector openid add-client --name 'Example Workforce' --profile okta --provider Onfido \\",
        "  --redirect-uri https://example.okta.com/idp/identity-verification/callback",
    ),
    "openid list": ("connector openid list --json",),
    "openid update-client": (f"connector openid update-client {CLIENT} --disable",),
    "openid rotate-secret": (f"connector openid rotate-secret {CLIENT}",),
    "openid remove-client": (f"connector openid remove-client {CLIENT} --yes",),
    "signals list": ("connector signals list --json",),
    "signals show": (f"connector signals show {STREAM}",),
    "signals verify": (f"connector signals verify {STREAM}",),
    "signals enable": (f"connector signals enable {STREAM}",),
    "signals pause": (f'connector signals pause {STREAM} --reason "maintenance until noon"',),
    "signals disable": (f"connector signals disable {STREAM} --yes",),
    "signals remove": (f"connector signals remove {STREAM} --yes",),
    "notices add": (
        "export NOTICE_SECRET=whsec_…",
        "connector notices add https://app.example.com/notices --event claims.changed --event attention.needed",
    ),
    "notices list": ("connector notices list --json",),
    "notices update": (f"connector notices update {ENDPOINT} --disable",),
    "notices remove": (f"connector notices remove {ENDPOINT} --yes",),
    "notices rotate-secret": (f"connector notices rotate-secret {ENDPOINT}",),
    "notices test": (f"connector notices test {ENDPOINT}",),
    "notices attempts": (f"connector notices attempts {ENDPOINT} --limit 10",),
    "notices resend": (f"connector notices resend {DELIVERY}",),
    "notices recover": (f"connector notices recover {ENDPOINT} --since 2026-01-31",),
    "keys list": ("connector keys list",),
    "keys rotate": ("connector keys rotate",),
    "keys revoke": ("connector keys revoke --yes",),
    "verification list": ("connector verification list --user ann", "connector verification list --watch"),
    "verification show": (f"connector verification show {RUN} --output",),
    "verification explain": (f"connector verification explain {RUN}",),
    "verification refresh": (f"connector verification refresh {RUN}",),
    "verification decide": (f'connector verification decide {RUN} --approve --reason "Seen in person"',),
    "verification export": ("connector verification export --from 2026-01-01 --output january.csv",),
    "verification timeline": (f"connector verification timeline {RUN} --output timeline.pdf",),
    "verification pictures": (f"connector verification pictures {RUN} --folder pictures",),
    "verification evidence": (f"connector verification evidence {RUN} --folder --output evidence.zip",),
    "verification task list": (f"connector verification task list {RUN}",),
    "verification task complete": (
        f"echo '{{\"risk_score\": 7}}' | connector verification task complete {RUN} score_81201 --data -",
    ),
    "applicant update": (f"connector applicant update Onfido {APPLICANT}",),
    "applicant delete": (f"connector applicant delete Onfido {APPLICANT} --yes",),
    "applicant restore": (f"connector applicant restore Onfido {APPLICANT}",),
    "audit": ("connector audit --user ann --from 2026-01-01", "connector audit --subject provider --sentences"),
    "console link": ("connector console link --user bob",),
    "console sessions": ("connector console sessions --user bob",),
    "console sign-out": ("connector console sign-out --user bob",),
    "token": ("TOKEN=$(connector token --user ann)",),
    "token check": ("connector token check --scope internal_login < token.txt",),
    "settings": ("connector settings --changed", "connector settings --json"),
    "check-settings": ("connector check-settings", "connector check-settings --tenant acme --user ann --json"),
    "example": ("connector example settings > settings.toml", "connector example settings-keycloak > settings.toml"),
    "backup": ("connector backup connector.backup",),
    "restore": ("connector restore connector.backup",),
    "serve": ("connector serve --dev --port 8080",),
    "worker": ("connector worker",),
    "migrate": ("connector migrate",),
    "rotate-keys": ("connector rotate-keys",),
    "simulate": ("connector simulate --port 8090",),
    "demo": ("connector demo --once",),
}


class LazyCommands(UserDict[str, click.Command]):
    """Commands by name, each loaded on first use; `load` is called with its module and its name."""

    def __init__(self, modules: Mapping[str, str], load: Callable[[str, str], click.Command]) -> None:
        super().__init__()
        self._modules = dict(modules)
        self._load = load

    def __getitem__(self, name: str) -> click.Command:
        """Return a command with its examples."""
        if name in self._modules:
            self[name] = command = self._load(self._modules.pop(name), name)
            add_examples(name, command)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is a command of that name, loaded or not."""
        return name in self._modules or super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        """Return the names of all commands."""
        return iter([*self._modules, *self.data])

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(self._modules) + len(self.data)


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Return every executable command, by the words that call it."""
    for name, command in group.commands.items():
        yield from _callable(command, (*words, name))


def _callable(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield " ".join(words), command
    if isinstance(command, click.Group):
        yield from commands(command, words)


def add_examples(name: str, command: click.Command) -> None:
    """Append an example to the help of a command and its subcommands; click keeps lines after its marker unchanged."""
    for words, each in _callable(command, (name,)):
        lines = EXAMPLES.get(words, ())
        each.epilog = "\n".join(("\b", "Example:", *(f"  {line}" for line in lines))) if lines else None
