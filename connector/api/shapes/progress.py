"""The schema of a provider's setup progress, and its only view, which the command line prints as well."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag
from connector.api.shapes.health import HealthSchema, health_body
from connector.domain.providers.setup_steps import NAMES, STATES

if TYPE_CHECKING:  # the command line prints these shapes, and loads the use cases only when it opens them
    from connector.services.providers.progress import Progress


class SetupStepSchema(ma.Schema):
    """A step; `waits`: it depends on another step or on users; `unknown`: Onfido did not answer."""

    name = fields.String(required=True, validate=validate.OneOf(NAMES), metadata={"example": "webhook"})
    title = fields.String(required=True, metadata={"example": "The webhook is registered"})
    state = fields.String(required=True, validate=validate.OneOf(STATES), metadata={"example": "done"})
    text = fields.String(required=True)


class ProgressSchema(ma.Schema):
    """The setup progress of a provider: the steps that apply, and the last check on which some of them depend."""

    headline = fields.String(required=True, metadata={"example": "5 of 7 steps are done."})
    isDone = Flag(required=True)
    steps = fields.List(fields.Nested(SetupStepSchema), required=True)
    health = fields.Nested(HealthSchema, required=True)


def progress_body(progress: Progress, now: datetime) -> dict[str, Any]:
    """Return a body in the form of `ProgressSchema`."""
    return {
        "headline": progress.headline,
        "isDone": progress.is_done,
        "steps": progress.steps,
        "health": health_body(progress.health, now),
    }
