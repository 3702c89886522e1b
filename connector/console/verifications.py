"""The list of verifications: what happened lately, and finding one."""

from __future__ import annotations

from connector.console.story import Story

story = Story("verifications")
