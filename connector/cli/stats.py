"""`connector stats`: how many users are verified, where they stop, and which claims fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from connector.cli.output import print_json, print_record, print_table, provider_id, services, view_options
from connector.domain.statistics.statistics_period import PERIODS, read_environment
from connector.domain.tenancy import Tenant


@click.command()
@click.option("--period", help=f"One of {', '.join(PERIODS)}; by default the last 14 days.")
@click.option("--from", "from", metavar="DAY", help="The first UTC day, instead of a period.")
@click.option("--to", "to", metavar="DAY", help="The last day; by default today.")
@click.option("--provider", help="Only this provider's, by its id or name.")
@click.option("--environment", help="live, sandbox or all; by default all except the sandbox.")
@view_options
def stats(
    context: click.Context,
    /,
    provider: str | None,
    environment: str | None,
    tenant: Tenant,
    as_json: bool,
    **period: str | None,
) -> None:
    """Show how many users are verified, where they stop, and which claims fail."""
    from connector.api.shapes.statistics import StatisticsSchema, statistics_body  # noqa: PLC0415

    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        criteria = opened.statistics.criteria(period, of_provider, read_environment(environment))
        body = StatisticsSchema().dump(statistics_body(opened.statistics.get(tenant, criteria)))
    if as_json:
        print_json(body)
    else:
        _print(body, environment)


def _print(body: Mapping[str, Any], environment: str | None) -> None:
    times, started = body["secondsToResult"], body["funnel"][0]["count"]
    print_record(
        {
            "from": body["from"],
            "before": body["before"],
            "counted": body["countedAt"] or "not yet: the worker counts",
            "environment": environment or "all except the sandbox (--environment)",
            "got through": _share(body["gotThrough"]),
            "median time": _seconds(times["median"]),
            "90 % within": _seconds(times["p90"]),
            "not compared": _share(body["notCompared"]),
        }
    )
    stages = [
        {"stage": each["stage"].replace("_", " "), "number": each["count"], "share": _percent(each["count"], started)}
        for each in body["funnel"]
    ]
    claims = [
        {
            "claim": each["uri"],
            "verified": _share(each["verified"]),
            "not compared": _share(each["notCompared"]),
            "results": _results(each["results"]),
        }
        for each in body["claims"]
    ]
    days = [
        {"day": each["day"], "started": each["started"], "ended": _results(each["ended"])}
        for each in body["days"]
        if each["started"] or each["ended"]
    ]
    for rows, columns, empty in (
        (stages, ("stage", "number", "share"), ""),
        (days, ("day", "started", "ended"), "Nothing was counted by day."),
        (claims, ("claim", "verified", "not compared", "results"), "No claim has a result."),
        (body["refusedStarts"], ("code", "message", "count"), "No start was refused."),
        (body["deadDeliveries"], ("kind", "count"), "No delivery is dead."),
    ):
        _print_part(rows, columns, empty)


def _print_part(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    click.echo()
    print_table(rows, columns, empty=empty)


def _share(share: Mapping[str, Any]) -> str:
    return f"{share['count']} of {share['of']} ({_percent(share['count'], share['of'])})"


def _percent(n: int, of: int) -> str:
    return f"{100 * n / of:.1f} %" if of else "-"


def _seconds(seconds: int | None) -> str | None:
    return None if seconds is None else f"{seconds} s"


def _results(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in numbers.items())
