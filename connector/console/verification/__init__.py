"""One verification: why an attribute is verified or not, what happened, and what can be done.

pages.py       the page, its live head, the parts that Onfido is asked for later, and its files
attributes.py  each attribute with the steps of its decision
timeline.py    what happened, in words; durations.py: how the time was spent
"""

from connector.console.verification.pages import story

__all__ = ["story"]
