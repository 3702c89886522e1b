"""The transmitter as a part of an application."""

from __future__ import annotations

from flask import Flask

from connector.signals import management, metadata, polling


def install(app: Flask) -> None:
    """Install the transmitter in an application."""
    for blueprint in (metadata.blueprint, management.blueprint, polling.blueprint):
        app.register_blueprint(blueprint)
