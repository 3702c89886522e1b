"""`connector user show|unlock`: show why a user is not verified, and allow new attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from connector.cli.output import (
    actor,
    print_json,
    print_record,
    print_table,
    provider_id,
    services,
    tenant_options,
    view_options,
)
from connector.domain.tenancy import Tenant


@click.command()
@click.argument("user_id")
@view_options
def show(context: click.Context, user_id: str, tenant: Tenant, as_json: bool) -> None:
    """Show a user's attributes: which are verified, and if not, why."""
    from connector.api.shapes.user_status import UserStatusSchema, status_body  # noqa: PLC0415

    with services(context) as opened:
        status = opened.user_statuses.get(tenant, user_id)
        values = opened.users.known_values(tenant, user_id)
    body = UserStatusSchema().dump(status_body(status))
    if as_json:
        print_json(body | {"attributes": dict(values)})
    else:
        _print(body, values)


@click.command()
@click.argument("user_id")
@click.option("--provider", help="Only for this provider, by its id or name; by default for all.")
@click.option("--reason", help="The reason, for the audit trail.")
@tenant_options
def unlock(context: click.Context, user_id: str, provider: str | None, reason: str | None, tenant: Tenant) -> None:
    """Allow a user to start again now: earlier attempts no longer count against the limit."""
    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        number = opened.users.unlock(tenant, user_id, of_provider, actor(), reason)
    click.echo(
        f"Unlocked {user_id}: {number} earlier {'attempt counts' if number == 1 else 'attempts count'} no longer."
    )


def _print(body: Mapping[str, Any], values: Mapping[str, str]) -> None:
    print_record({"userId": body["userId"]})
    click.echo()
    rows = [_claim(uri, values, body["providers"]) for uri in _uris(body["providers"], values)]
    print_table(rows, ("claim", "value", "verified", "reason"), empty="No attributes.")
    for provider in body["providers"]:
        click.echo()
        print_record(
            {
                "provider": f"{provider['name']} ({provider['providerId']})",
                "isVerified": provider["isVerified"],
                "reason": provider["reason"],
                "lastRun": _run(provider["lastRun"]),
                "lastRefusal": _refusal(provider["lastRefusal"]),
                "nextAttemptAt": provider["nextAttemptAt"] or "now",
            }
        )


def _uris(providers: list[dict[str, Any]], values: Mapping[str, str]) -> list[str]:
    """Return the claims to show: those of the user, and those that a provider maps."""
    known = {claim["uri"] for each in providers for claim in each["claims"] if claim["verificationStatus"]}
    return sorted({*values, *known})


def _claim(uri: str, values: Mapping[str, str], providers: list[dict[str, Any]]) -> dict[str, Any]:
    claims = [claim for each in providers for claim in each["claims"] if claim["uri"] == uri]
    is_verified = any(claim["isVerified"] for claim in claims)
    reasons = dict.fromkeys(claim["reason"] for claim in claims) or {"no provider verifies it": None}
    return {
        "claim": uri,
        "value": values.get(uri),
        "verified": is_verified,
        "reason": None if is_verified else "; ".join(reasons),
    }


def _run(run: Mapping[str, Any] | None) -> str | None:
    return None if run is None else f"{run['runId'] or run['id']} {run['status']}, started at {run['createdAt']}"


def _refusal(refusal: Mapping[str, Any] | None) -> str | None:
    if refusal is None:
        return None
    claims = f": {', '.join(refusal['claims'])}" if refusal["claims"] else ""
    return f"{refusal['at']} {refusal['code']} {refusal['message']}{claims}"
