"""`/api/server/v1/statistics`: how many users are verified, where they stop, and which claims fail."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.shapes.statistics import StatisticsQuerySchema, StatisticsSchema, statistics_body
from connector.domain.statistics.statistics_period import read_environment
from connector.errors import Code
from connector.services.lookup.statistics import StatisticsLookup

blueprint = Blueprint(
    "statistics",
    __name__,
    errors=PROVIDER_ERRORS,
    url_prefix="/api/server/v1",
    description="Numbers of verifications, by day",
)


@blueprint.get("/statistics")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(StatisticsQuerySchema, location="query")
@blueprint.response(200, StatisticsSchema)
def get_statistics(query: dict[str, Any]) -> dict[str, Any]:
    """Return the statistics of a period.

    The worker counts the days, the current one once a minute. The sandbox is left out unless it is requested. Days
    older than 60 are final: a user who is removed later still counts.
    """
    lookup: StatisticsLookup = current_app.extensions["services"].statistics
    criteria = lookup.criteria(query, query["providerId"], read_environment(query["environment"]))
    return statistics_body(lookup.get(g.tenant, criteria))
