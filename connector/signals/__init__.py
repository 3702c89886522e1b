"""The connector as a transmitter of the Shared Signals Framework 1.0: receivers are notified of changes.

metadata.py     /.well-known/ssf-configuration
management.py   /ssf/streams, /ssf/status, /ssf/subjects/…, /ssf/verification
polling.py      /ssf/poll/{stream}: events (RFC 8936)
reports.py      /api/server/v1/signal-streams: streams as administrators see them
shapes.py       the schemas of requests and answers
views.py        shared parts of the views
"""

from __future__ import annotations

from flask import Flask

from connector.signals import management, metadata, polling


def install(app: Flask) -> None:
    """Install the transmitter in an application."""
    for blueprint in (metadata.blueprint, management.blueprint, polling.blueprint):
        app.register_blueprint(blueprint)
