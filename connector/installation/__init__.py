"""Checks of a whole installation, for `connector check-settings`: each reports what it found, and what to do.

files.py        files with secrets, the key file and the data directory: who may read and change them
database.py     whether the database answers, over TLS if it is remote, with this version's schema, in which state
connections.py  whether PostgreSQL admits as many connections as all processes may open
clock.py        this machine's clock, compared with those of the database and of the servers that it uses
processes.py    which processes run, with which settings
onfido.py       each provider at Onfido, and the remaining rate of its account
public_url.py   whether `public_url` leads here, and whether the proxy buffers requests

A check that could not be performed states the reason, and an incomplete check states what it does not cover.
"""

from __future__ import annotations

from connector.domain.providers.readiness import Check


def warning(name: str, detail: str) -> Check:
    """Create a check that passed, but found something that should be changed."""
    return Check(name, True, detail, is_warning=True)
