"""Onfido's environments, and the validity of results of the sandbox, which checks no documents.

A verification belongs to the environment that it ran in: its applicant's, as Onfido reports it, or that of the token's
prefix. A provider is in that of its credentials; None as long as neither a prefix nor an applicant shows it.
"""

from __future__ import annotations

SANDBOX, LIVE = "sandbox", "live"


def counts(of_result: str | None, of_provider: str | None) -> bool:
    """Whether a result verifies anything: a result of the sandbox only while the provider is known to use it."""
    return of_result != SANDBOX or of_provider == SANDBOX


def is_elsewhere(of_verification: str | None, of_provider: str | None) -> bool:
    """Whether a verification ran in another environment than the provider's, if both are known."""
    return None not in (of_verification, of_provider) and of_verification != of_provider


def combined(of_applicant: str | None, of_credentials: str | None) -> str | None:
    """Return the environment of a verification; if applicant and credentials differ, it is the sandbox."""
    return SANDBOX if SANDBOX in (of_applicant, of_credentials) else of_applicant or of_credentials
