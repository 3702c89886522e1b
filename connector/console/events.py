"""The events that Onfido posted: whether it reaches us."""

from __future__ import annotations

from connector.console.story import Story

story = Story("events")
