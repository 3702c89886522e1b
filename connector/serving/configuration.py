"""gunicorn's configuration as its parser and answers read it: a dozen settings for each request."""

from __future__ import annotations

from typing import Any


class Configuration:
    """Caches gunicorn's configuration, which does not change while a worker runs."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration

    def __getattr__(self, name: str) -> Any:
        """Look up a value the first time."""
        value = getattr(self._configuration, name)
        setattr(self, name, value)
        return value
