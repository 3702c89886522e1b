"""Errors about a provider that does not exist, or whose name is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from connector.domain.messages import message
from connector.domain.providers.provider import ProviderConfig
from connector.errors import Code, RequestError


@contextmanager
def name_conflict(config: ProviderConfig) -> Iterator[None]:
    """Translate the constraint violation of a second provider with the same name into the contract's error."""
    try:
        yield
    except IntegrityError as error:
        raise name_taken(config.name) from error


def name_taken(name: str) -> RequestError:
    """Return the error for a name that another provider of the tenant has."""
    return RequestError(
        Code.PROVIDER_NAME_TAKEN,
        message(
            "name: must be unique in this tenant, ignoring case; there is a provider named %(name)s already.", name=name
        ),
    )


def not_found(provider_id: str) -> RequestError:
    """Return the error for a provider that the tenant does not have."""
    return RequestError(
        Code.PROVIDER_NOT_FOUND,
        message(
            "There is no identity verification provider %(provider_id)s: check the id and the tenant.",
            provider_id=provider_id,
        ),
    )


def webhook_not_found(provider_id: str) -> RequestError:
    """Return the error for an event that is posted to a provider that the tenant does not have."""
    return RequestError(
        Code.WEBHOOK_PROVIDER_UNKNOWN,
        message("There is no provider %(provider_id)s: correct the webhook's URL at Onfido.", provider_id=provider_id),
    )
