"""One verification: why an attribute is verified or not."""

from __future__ import annotations

from connector.console.story import Story

story = Story("verification", path="/verifications")
