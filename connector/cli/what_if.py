"""`connector verification dry-run`, `connector provider match-impact`: what would happen, without doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from connector.cli.output import (
    ID,
    print_json,
    print_record,
    print_table,
    provider_argument,
    provider_id,
    services,
    view_options,
)
from connector.cli.provider_options import ClaimMapping, read_dialect, read_studio_file
from connector.domain.dry_run import Draft
from connector.domain.studio import Studio
from connector.domain.tenancy import Tenant


@click.command("dry-run")
@click.argument("run_id", type=ID)
@click.option("--claims", "dialect", metavar="NAME|FILE", callback=read_dialect, help="A claim dialect to begin with.")
@click.option("--claim", "mappings", multiple=True, type=ClaimMapping(), help="One claim, beside the others.")
@click.option("--remove-claim", "removed", multiple=True, help="Map this claim no longer; repeatable.")
@click.option(
    "--studio",
    type=click.Path(path_type=Path),
    callback=read_studio_file,
    help="What Studio is used for, of which the output's claims count: a JSON file.",
)
@view_options
def dry_run(
    context: click.Context,
    run_id: str,
    dialect: Mapping[str, str],
    mappings: Sequence[tuple[str, str]],
    removed: Sequence[str],
    studio: Studio | None,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Try another claim mapping against a run whose output is still kept; nothing is changed.

    The draft begins with the provider's mapping, or with a dialect.
    """
    from connector.api.dry_run_shapes import DryRunSchema, dry_run_body  # noqa: PLC0415

    with services(context) as opened:
        provider = opened.providers.get(tenant, opened.lookup.find(tenant, run_id).provider_id)
        fields = {**(dialect or provider.claims), **dict(mappings)}
        draft = Draft(
            {uri: name for uri, name in fields.items() if uri not in removed},
            (studio or provider.studio).output_claims,
        )
        body = DryRunSchema().dump(dry_run_body(opened.dry_runs.run(tenant, run_id, draft)))
    if as_json:
        print_json(body)
        return
    rows = [
        {
            "claim": each["uri"],
            "today": _said(each["todayVerdict"]),
            "draft": _said(each["verdict"]),
            "changed": each["isChanged"],
            "because": each["reason"],
        }
        for each in body["claims"]
    ]
    print_table(
        rows, ("claim", "today", "draft", "changed", "because"), empty="Neither the run nor the draft has claims."
    )


@click.command("match-impact")
@provider_argument
@view_options
def match_impact(context: click.Context, provider: str, tenant: Tenant, as_json: bool) -> None:
    """Show what `unverifyOnMatch` would have withdrawn in the last 90 days, as far as matches were told of."""
    from connector.api.setup_shapes import MatchImpactSchema  # noqa: PLC0415

    with services(context) as opened:
        impact = opened.match_impact.estimate(tenant, provider_id(opened, tenant, provider))
    body = MatchImpactSchema().dump(impact)
    if as_json:
        print_json(body)
    else:
        names = {"since": "since", "matches": "matches", "users": "users", "withdrawn": "verified claims withdrawn"}
        print_record({label: body[name] for name, label in names.items()})


def _said(verdict: Mapping[str, Any] | None) -> str | None:
    return None if verdict is None else f"{verdict['result']}{', verified' if verdict['isVerified'] else ''}"
