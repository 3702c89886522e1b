"""Reading the settings file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from connector.errors import ConfigurationError


def read_file(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file; raise `ConfigurationError` if there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The settings file {path} cannot be read ({error.strerror}): correct --config, or the file's owner."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The settings file {path} must be TOML: {error}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The settings file {path} must be UTF-8: save it in that encoding.") from None
    except (ValueError, RecursionError):  # `tomllib` fails on numbers of thousands of digits and on deep nesting
        raise ConfigurationError(
            f"The settings file {path} must be TOML: a number in it is too long, or it is nested too deeply."
        ) from None
