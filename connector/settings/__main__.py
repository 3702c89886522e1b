"""Writes the documented example: `python -m connector.settings > config/settings.toml`."""

import sys

from connector.settings.example import reference

sys.stdout.write(reference())
