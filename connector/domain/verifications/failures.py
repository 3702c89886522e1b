"""Why a verification ended without a result of its run: the stored text, in a form that can be translated."""

from __future__ import annotations

import re

from connector.domain.messages import marked, message
from connector.errors import message_of

OF_OTHER_ENVIRONMENT = marked(
    "The run is in Onfido's %(environment)s; the provider's credentials are for another environment."
)
_SUMMARY = re.compile(r"(?P<code>[A-Z]{3,5}-\d{5}) [^()]+ \((?P<facts>.*)\)\.", re.DOTALL)
_ENVIRONMENT = re.compile(r"The run is in Onfido's (?P<environment>\w+); .*")


def failure_words(stored: str) -> str:
    """Return a stored failure in words: the meaning of its code, and what identifies it at Onfido."""
    if (known := _SUMMARY.fullmatch(stored)) and (meaning := message_of(known["code"])):
        return message("%(what)s (%(facts)s).", what=message(meaning), facts=known["facts"])
    if elsewhere := _ENVIRONMENT.fullmatch(stored):
        return message(OF_OTHER_ENVIRONMENT, environment=elsewhere["environment"])
    return message(stored)
