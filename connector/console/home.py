"""The first page: does it work, and what needs the administrator?"""

from __future__ import annotations

from connector.console.story import Story

story = Story("home")
