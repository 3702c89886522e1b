"""Estimates without changes: `verification dry-run`, `provider match-impact`, `provider remapping-impact`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from connector.cli.options import with_options
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
from connector.domain.studio.studio import Studio
from connector.domain.tenancy import Tenant
from connector.domain.verifications.dry_run import Draft

_mapping = with_options(  # describe a draft mapping
    click.option(
        "--claims", "dialect", metavar="NAME|FILE", callback=read_dialect, help="A claim dialect to start from."
    ),
    click.option("--claim", "mappings", multiple=True, type=ClaimMapping(), help="One additional claim."),
    click.option("--remove-claim", "removed", multiple=True, help="Remove the mapping of this claim; repeatable."),
)


@click.command("dry-run")
@click.argument("run_id", type=ID)
@_mapping
@click.option(
    "--studio",
    type=click.Path(path_type=Path),
    callback=read_studio_file,
    help="The used features of Studio (only outputClaims count): a JSON file.",
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
    """Test another claim mapping against a run whose output is still kept; nothing is changed.

    The draft starts from the provider's mapping, or from a dialect.
    """
    from connector.api.shapes.dry_run import DryRunSchema, dry_run_body  # noqa: PLC0415

    with services(context) as opened:
        provider = opened.providers.get(tenant, opened.lookup.find(tenant, run_id).provider_id)
        mapping = _drafted(provider.claims, dialect, mappings, removed)
        draft = Draft(mapping, (studio or provider.studio).output_claims)
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
    """Show what `unverifyOnMatch` would have withdrawn in the last 90 days, for known matches."""
    from connector.api.shapes.setup import MatchImpactSchema  # noqa: PLC0415

    with services(context) as opened:
        impact = opened.match_impact.estimate(tenant, provider_id(opened, tenant, provider))
    body = MatchImpactSchema().dump(impact)
    if as_json:
        print_json(body)
    else:
        names = {"since": "since", "matches": "matches", "users": "users", "withdrawn": "verified claims withdrawn"}
        print_record({label: body[name] for name, label in names.items()})


@click.command("remapping-impact")
@provider_argument
@_mapping
@view_options
def remapping_impact(
    context: click.Context,
    provider: str,
    dialect: Mapping[str, str],
    mappings: Sequence[tuple[str, str]],
    removed: Sequence[str],
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Count the verified claims that another claim mapping affects; nothing is changed.

    The draft starts from the provider's mapping, or from a dialect.
    """
    from connector.api.shapes.dry_run import RemappingImpactSchema  # noqa: PLC0415

    with services(context) as opened:
        known = opened.providers.named(tenant, provider)
        draft = _drafted(known.claims, dialect, mappings, removed)
        impact = opened.remapping.estimate(tenant, known.provider_id, draft)
    if as_json:
        print_json(RemappingImpactSchema().dump(impact))
    else:
        print_record({"claims": ", ".join(impact.claims) or None, "verified claims of users": impact.verified})


def _drafted(
    known: Mapping[str, str],
    dialect: Mapping[str, str],
    mappings: Sequence[tuple[str, str]],
    removed: Sequence[str],
) -> dict[str, str]:
    """Return the draft mapping that the options describe."""
    fields = {**(dialect or known), **dict(mappings)}
    return {uri: name for uri, name in fields.items() if uri not in removed}


def _said(verdict: Mapping[str, Any] | None) -> str | None:
    return None if verdict is None else f"{verdict['result']}{', verified' if verdict['isVerified'] else ''}"
