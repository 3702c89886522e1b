"""The conditions that hide rows of removed providers and OpenID clients until they are deleted.

A removal only moves the provider, or the client, to a tenant that no request can name; the worker deletes its rows
afterwards (`removals.py`). Statements that find a provider by its tenant no longer find it. Those that find rows in
another way, such as by their user, repeat one of these conditions; a transaction that adds rows takes a share lock of
the provider under `IS_REGISTERED` first.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, literal_column, select

from connector.store.models import openid_clients, providers

HIDDEN: ColumnElement[str] = literal_column("''", String())  # the name of the tenant: no other has it
IS_REGISTERED = providers.c.tenant != HIDDEN

_providers, _clients = providers.alias("removed_providers"), openid_clients.alias("removed_clients")
_REMOVED_PROVIDERS = select(_providers.c.id).where(_providers.c.tenant == HIDDEN)
_REMOVED_CLIENTS = select(_clients.c.id).where(_clients.c.tenant == HIDDEN)


def is_of_registered(provider_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition of a row whose provider is not removed."""
    return provider_id.not_in(_REMOVED_PROVIDERS)


def is_of_registered_client(client_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition of a row whose OpenID client is not removed."""
    return client_id.not_in(_REMOVED_CLIENTS)
