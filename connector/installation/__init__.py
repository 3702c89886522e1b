"""Checks of a whole installation, for `connector check-settings`: each says what it found, and what to do.

files.py        files with secrets, the key file and the data directory: who may read and change them
database.py     whether the database answers, over TLS where it is remote, with this version's schema, in which state
clock.py        this machine's clock, against the database's and those of the servers that it works with
processes.py    which processes run, with which settings
onfido.py       each provider at Onfido, and how much its account may still send
public_url.py   whether `public_url` leads here, and whether what stands in front takes in whole requests

A check that could not be made says why, and one that cannot tell everything says what it does not tell.
"""

from __future__ import annotations

from connector.domain.readiness import Check


def warning(name: str, detail: str) -> Check:
    """Create a check that found what works, but should be changed."""
    return Check(name, True, detail, is_warning=True)
