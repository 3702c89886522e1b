"""One verification: the reasons for the state of its attributes, its history, and the actions on it.

pages.py       the page, its live head, the parts that are loaded from Onfido later, and its files
attributes.py  each attribute with the steps of its decision
timeline.py    the history, in words; durations.py: how the time was spent
support.py     the text for a support request, without personal values
"""

from connector.console.verification.pages import story

__all__ = ["story"]
