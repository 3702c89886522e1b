"""`connector check-settings`: checks the whole installation, and says how to correct it."""

from __future__ import annotations

import click

from connector.cli.output import json_option, load_settings, logs_to_stderr, print_json, print_marked, tenant_option
from connector.domain.tenancy import Tenant


@click.command("check-settings")
@click.option("--user", "user_id", help="A user of the tenant to look up in its directory.")
@tenant_option
@json_option
@click.pass_context
def check_settings(context: click.Context, user_id: str | None, tenant: Tenant, as_json: bool) -> None:
    """Check the whole installation, and report what works and how to correct the rest.

    The checks cover files with secrets, the database and its schema, the clock, each issuer and directory (with --user
    the look-up of one user), the processes, whether the public URL reaches this installation through a buffering proxy,
    and each provider at Onfido.
    """
    from connector.settings_check import check_settings as check  # noqa: PLC0415

    with logs_to_stderr():
        results = list(check(load_settings(context), tenant, user_id))
    failed = [each for each in results if each.check.passed is False]
    if as_json:
        views = [
            {
                "tenant": each.tenant or None,
                "part": each.part,
                "check": each.check.name,
                "passed": each.check.passed,
                "warning": each.check.is_warning,
                "detail": each.check.detail,
            }
            for each in results
        ]
        print_json({"passed": not failed, "checks": views})
    else:
        rows: list[tuple[bool | str | None, str, str]] = [
            (
                "warning" if each.check.is_warning else each.check.passed,
                " ".join(filter(None, (each.tenant, each.part, each.check.name))),
                each.check.detail,
            )
            for each in results
        ]
        print_marked([(True, "settings", "They can be read."), *rows])
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(results)} checks failed: correct what they report.")
