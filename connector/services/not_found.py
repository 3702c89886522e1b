"""Errors about users and claims that do not exist, which several use cases raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from connector.domain.messages import message
from connector.errors import Code, RequestError


def unknown_user(user_id: str) -> RequestError:
    """Return the error for a user who is neither in the directory nor known here."""
    return RequestError(
        Code.USER_NOT_FOUND, message("There is no user %(user_id)s: check the id, or add the user.", user_id=user_id)
    )


def unknown_claim(user_id: str, claim_id: str) -> RequestError:
    """Return the error for a claim that the user does not have."""
    text = message(
        "The user %(user_id)s has no claim %(claim_id)s: list the user's claims for their ids.",
        user_id=user_id,
        claim_id=claim_id,
    )
    return RequestError(Code.CLAIM_NOT_FOUND, text)


def unknown_providers(provider_ids: Iterable[str]) -> RequestError:
    """Return the error for providers that a request about claims names, and the tenant does not have."""
    missing = ", ".join(provider_ids)
    return RequestError(
        Code.CLAIM_PROVIDER_NOT_FOUND,
        message("There is no identity verification provider %(missing)s: check the id.", missing=missing),
    )


@contextmanager
def unless_unknown() -> Iterator[None]:
    """Pass over a user who was removed meanwhile."""
    try:
        yield
    except RequestError as error:
        if error.code is not Code.USER_NOT_FOUND:
            raise
