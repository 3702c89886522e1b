"""The command line, `connector`: an operator's tasks, on the database directly and without a token.

    serve.py           serve, worker, migrate, rotate-keys, simulate, demo
    backups.py         backup, restore
    tokens.py          token, token check
    keys.py            keys list|rotate|revoke
    openid.py          openid add-client|list|update-client|rotate-secret|remove-client
    signals.py         signals list|show|verify|enable|pause|disable|remove
    settings_check.py  check-settings
    settings.py        settings
    demo.py            the steps of demo
    outbox.py          outbox list|counts|retry|drop
    notices.py         notices add|list|update|remove|rotate-secret|test|attempts|resend|recover
    resending.py       the number of deliveries before they are repeated
    jobs.py            jobs csv|record|resend|fetch-runs|list|show|result|cancel; since.py: its option
    providers.py       provider add|list|show|update|end-overlap|remove; provider_options.py: their options
    setup.py           provider test|health|progress|add-webhook|remove-webhook
    applicants.py      applicant update|delete|restore
    users.py           user add|set|list|remove; user_import/: user import
    user_status.py     user show|unlock
    examples.py        example
    verifications.py   verification list|show|refresh|decide|explain
    csv.py             verification export
    evidence.py        verification timeline|evidence|pictures|delivery-proof; files.py: writing files
    what_if.py         verification dry-run, provider match-impact|remapping-impact
    audit.py           audit
    console.py         console link|sessions|sign-out
    stats.py           stats
    events.py          events list|show|replay|refused; watching.py: --watch
    tasks.py           verification task list|complete
    progress.py        progress of long work
    help.py            the example at the end of each command's help
    output.py          printing of results, errors and tables; pages.py: lists and their pages
    options.py         several options as one decorator

Errors are one line on stderr and exit status 1; wrong usage is exit status 2.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from connector import __version__
from connector.cli.help import LazyCommands
from connector.cli.output import Group

# Each command's module is imported when the command is called, because a worker needs none of the others.
COMMANDS = LazyCommands(
    {
        **{name: f"{name}s" for name in ("provider", "user", "verification", "applicant", "token", "example")},
        **{name: name for name in ("notices", "outbox", "jobs", "audit", "events", "keys", "console", "openid")},
        **dict.fromkeys(("backup", "restore"), "backups"),
        **dict.fromkeys(("serve", "worker", "migrate", "rotate-keys", "simulate", "demo"), "serve"),
        "check-settings": "settings_check",
        "settings": "settings",
        "stats": "stats",
        "signals": "signals",
    },
    lambda module, name: getattr(import_module(f"connector.cli.{module}"), name.replace("-", "_")),
)


@click.group(cls=Group, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The settings file (TOML). Default: CONNECTOR_CONFIG; without either, the defaults apply.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Verify users' identities with Onfido, on behalf of an identity provider."""
    context.obj = config
