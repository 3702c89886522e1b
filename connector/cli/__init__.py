"""The command line, `connector`: an operator's tasks, on the database directly and without a token.

    serve.py           serve, worker, migrate, rotate-keys, simulate, demo
    backups.py         backup, restore
    tokens.py          token, token check
    settings_check.py  check-settings
    demo.py            the steps of demo
    outbox.py          outbox list|retry|drop
    providers.py       provider add|list|show|update|end-overlap|remove; provider_options.py: their options
    setup.py           provider test|add-webhook|remove-webhook
    applicants.py      applicant update|delete|restore
    users.py           user add|set|list|remove; user_import/: user import
    user_status.py     user show|unlock
    examples.py        example
    verifications.py   verification list|show|refresh|decide
    csv.py             verification export
    evidence.py        verification timeline|evidence; files.py: writing files
    audit.py           audit
    events.py          events list|show|replay; watching.py: --watch
    tasks.py           verification task list|complete
    progress.py        progress of long work
    help.py            the example at the end of each command's help
    output.py          how results, errors and tables are printed

Errors are one line on stderr and exit status 1; wrong usage is exit status 2.
"""

from __future__ import annotations

from pathlib import Path

import click

from connector import __version__
from connector.cli import (
    applicants,
    audit,
    backups,
    events,
    examples,
    outbox,
    providers,
    serve,
    settings_check,
    tasks,
    tokens,
    user_status,
    users,
    verifications,
)
from connector.cli.help import add_examples
from connector.cli.output import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The settings file (TOML). Otherwise CONNECTOR_CONFIG names it; without one, defaults hold.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Verify users' identities with Onfido, on behalf of an identity provider."""
    context.obj = config


main.add_command(providers.provider)
main.add_command(users.user)
for command in (user_status.show, user_status.unlock):
    users.user.add_command(command)
main.add_command(outbox.outbox)
main.add_command(verifications.verification)
verifications.verification.add_command(tasks.task)
main.add_command(applicants.applicant)
main.add_command(audit.audit)
main.add_command(events.events)
main.add_command(tokens.token)
main.add_command(settings_check.check_settings)
main.add_command(examples.example)
main.add_command(backups.backup)
main.add_command(backups.restore)
for process in (serve.serve, serve.worker, serve.migrate, serve.rotate_keys, serve.simulate, serve.demo):
    main.add_command(process)
add_examples(main)
