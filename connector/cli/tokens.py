"""`connector token`: creates access tokens for development, and explains why a token is refused."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from connector.cli.options import WholeNumber
from connector.cli.output import load_settings, logs_to_stderr, print_json, print_marked, tenant_options, view_options
from connector.domain.tenancy import Tenant
from connector.private_file import make_data_dir

BEARER = "bearer "


@click.group(invoke_without_command=True)
@click.option("--user", "user_id", help="The user of the token (its `sub`).")
@click.option("--scope", "scopes", default="internal_login", show_default=True, help="Scopes, separated by spaces.")
@click.option("--lifetime", default=3600, show_default=True, type=WholeNumber(1), help="Its lifetime in seconds.")
@tenant_options
def token(context: click.Context, user_id: str | None, scopes: str, lifetime: int, tenant: Tenant) -> None:
    """Create an access token of the development issuer, which only `serve --dev` accepts."""
    if context.invoked_subcommand is not None:
        return
    if user_id is None:
        raise click.UsageError("Missing option '--user'.")
    from connector.access.development import mint_token  # noqa: PLC0415

    settings = load_settings(context)
    make_data_dir(settings.data_dir)
    click.echo(mint_token(settings.data_dir, user_id, scopes.split(), tenant.name, lifetime))


@token.command()
@click.option("--scope", help="The scope that the call needs.")
@click.option("--dev", is_flag=True, help="Also trust the development issuer, as `serve --dev` does.")
@view_options
def check(context: click.Context, scope: str | None, dev: bool, tenant: Tenant, as_json: bool) -> None:
    """Explain whether an access token, read from standard input, is valid here, and if not, why."""
    from connector.access.development import trusted_issuers  # noqa: PLC0415

    text = sys.stdin.read().strip()
    text = text[len(BEARER) :].strip() if text.lower().startswith(BEARER) else text
    with logs_to_stderr():
        findings = list(trusted_issuers(load_settings(context, dev=dev)).explain(text, tenant, scope))
    passed = all(finding.passed for finding in findings)
    if as_json:
        print_json({"passed": passed, "checks": [asdict(finding) for finding in findings]})
    else:
        print_marked([(finding.passed, finding.check, finding.detail) for finding in findings])
    if not passed:
        failed = ", ".join(finding.check for finding in findings if not finding.passed)
        raise click.ClickException(f"The token is refused: {failed}.")
