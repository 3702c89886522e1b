"""One verification: why an attribute is verified or not, what happened, and what can be done.

pages.py       the page, its live head, what is asked of Onfido after the page, and its files
attributes.py  each attribute with the chain of its decision
timeline.py    what happened, in words; durations.py: where the time went
"""

from connector.console.verification.pages import story

__all__ = ["story"]
