"""The schema of statistics, and the parameters of their query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields

from connector.api.fields import Moment, Text
from connector.errors import message_of

if TYPE_CHECKING:
    from connector.domain.statistics.statistics import Statistics

_DAY = {"example": "2026-01-31"}


class StatisticsQuerySchema(ma.Schema):
    """`period` is 24h, 14d or 90d; or `from` and `to` are UTC days, both included, a year at most.

    Without `environment` the sandbox is left out; `all` includes it.
    """

    period = Text(load_default=None, metadata={"example": "14d"})
    from_ = Text(load_default=None, data_key="from", attribute="from", metadata=_DAY)
    to = Text(load_default=None, metadata=_DAY)
    providerId = Text(load_default=None)
    environment = Text(load_default=None, metadata={"example": "live"})


class StageSchema(ma.Schema):
    """A stage of the funnel: the number of verifications started in the period that have reached it."""

    stage = fields.String(required=True, attribute="name", metadata={"example": "captured"})
    count = fields.Integer(required=True, attribute="n")


class ShareSchema(ma.Schema):
    """A part of a whole; `share` is from 0 to 1, null if the whole is 0."""

    count = fields.Integer(required=True, attribute="n")
    of = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)


class TimesSchema(ma.Schema):
    """Seconds from start to result, to within 8 %; null if there was no result."""

    count = fields.Integer(required=True, attribute="n")
    median = fields.Integer(required=True, allow_none=True)
    p90 = fields.Integer(required=True, allow_none=True)


class DaySchema(ma.Schema):
    """A UTC day: the number of started verifications, of those `verified` by now, and of ended ones.

    `ended` is by status.
    """

    day = fields.Date(required=True, metadata=_DAY)
    started = fields.Integer(required=True)
    verified = fields.Integer(required=True)
    ended = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, attribute="by_status")
    deadDeliveries = fields.Integer(required=True, attribute="dead_deliveries")


class ClaimNumbersSchema(ma.Schema):
    """The results for one claim of the verifications that ended in the period; `notCompared`: in approved runs."""

    uri = fields.String(required=True)
    results = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    verified = fields.Nested(ShareSchema, required=True)
    notCompared = fields.Nested(ShareSchema, required=True, attribute="not_compared")


class RefusedSchema(ma.Schema):
    """The number of starts that were refused with one code."""

    code = fields.String(required=True, metadata={"example": "OIDV-10002"})
    message = fields.String(required=True)
    count = fields.Integer(required=True)


class DeadSchema(ma.Schema):
    """The number of dead deliveries of one kind."""

    kind = fields.String(required=True, metadata={"example": "tell_change"})
    count = fields.Integer(required=True)


class StatisticsSchema(ma.Schema):
    """The statistics of a period, from `from` until before `before`.

    `funnel` counts verifications started in it, and leaves `captured` out if no capture time is known. `gotThrough` are
    those with at least one verified claim; open ones of today and yesterday are left out. `days` is empty for 24h.
    `countedAt` is when the last day was counted; null if it was not.
    """

    from_ = Moment(required=True, data_key="from", attribute="since")
    before = Moment(required=True)
    countedAt = Moment(required=True, allow_none=True, attribute="counted_at")
    funnel = fields.List(fields.Nested(StageSchema), required=True)
    gotThrough = fields.Nested(ShareSchema, required=True, attribute="got_through")
    secondsToResult = fields.Nested(TimesSchema, required=True, attribute="times")
    days = fields.List(fields.Nested(DaySchema), required=True)
    ended = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    notCompared = fields.Nested(ShareSchema, required=True, attribute="not_compared")
    claims = fields.List(fields.Nested(ClaimNumbersSchema), required=True)
    refusedStarts = fields.List(fields.Nested(RefusedSchema), required=True)
    deadDeliveries = fields.List(fields.Nested(DeadSchema), required=True)


def statistics_body(statistics: Statistics) -> dict[str, Any]:
    """Return a body in the form of `StatisticsSchema`."""
    return {
        **vars(statistics),
        "refusedStarts": [
            {"code": code, "message": message_of(code), "count": n} for code, n in statistics.refused.items()
        ],
        "deadDeliveries": _listed("kind", statistics.dead_deliveries),
    }


def _listed(name: str, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{name: each, "count": n} for each, n in numbers.items()]
