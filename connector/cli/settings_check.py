"""`connector check-settings`: whether what the settings name can be reached."""

from __future__ import annotations

import click

from connector.cli.output import json_option, load_settings, logs_aside, print_json, print_marked, tenant_option
from connector.domain.tenancy import Tenant


@click.command("check-settings")
@click.option("--user", "user_id", help="A user of the tenant to look up in its directory.")
@tenant_option
@json_option
@click.pass_context
def check_settings(context: click.Context, user_id: str | None, tenant: Tenant, as_json: bool) -> None:
    """Read the settings, ask every issuer and directory that they name, and report what works."""
    from connector.settings_check import check_settings as check  # noqa: PLC0415

    with logs_aside():
        results = list(check(load_settings(context), tenant, user_id))
    failed = [each for each in results if each.check.passed is False]
    if as_json:
        views = [
            {
                "tenant": each.tenant or None,
                "part": each.part,
                "check": each.check.name,
                "passed": each.check.passed,
                "detail": each.check.detail,
            }
            for each in results
        ]
        print_json({"passed": not failed, "checks": views})
    else:
        rows = [
            (each.check.passed, " ".join(filter(None, (each.tenant, each.part, each.check.name))), each.check.detail)
            for each in results
        ]
        print_marked([(True, "settings", "They can be read."), *rows])
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(results)} checks failed.")
