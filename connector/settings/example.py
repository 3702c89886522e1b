"""The documented example of the settings, `config/settings.toml`."""

from __future__ import annotations

from connector.settings import Settings
from connector.settings.fields import render

HEADING = """\
# The settings of the Onfido IdVP connector, each with its default: uncomment a line to change it.
# Name the file with --config or CONNECTOR_CONFIG. A variable of the environment wins over the file;
# an empty variable counts as not set. In place of any secret, env:NAME or file:/path says where it is.
# This page is made by `python -m connector.settings`.

"""


def reference() -> str:
    """Write the documented example."""
    return HEADING + render(Settings)
