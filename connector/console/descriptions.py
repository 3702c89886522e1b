"""The description of an error, in the language of the page."""

from __future__ import annotations

from flask_babel import get_locale

from connector.console.translations import SOURCE, say, translates
from connector.domain.messages import Message, message
from connector.errors import ConnectorError, InvalidField


def description_of(error: ConnectorError, otherwise: str = "") -> str:
    """Return an error's description; `otherwise`, if given, for a language whose catalogue lacks it."""
    said = error.description
    if isinstance(error, InvalidField) and isinstance(error.why, Message):
        said = message("%(field)s: %(why)s.", field=error.where, why=error.why)
    is_known = str(get_locale() or SOURCE) == SOURCE or (isinstance(said, Message) and translates(said))
    return str(say(said)) if is_known or not otherwise else otherwise
