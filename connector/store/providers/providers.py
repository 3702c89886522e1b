"""Statements on providers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, literal, select, update

from connector.domain.frozen import frozen
from connector.domain.notices import MATCH_EVENTS, TASK_EVENTS
from connector.domain.providers.provider import PROVIDER_TYPE, Condition, Provider, name_key
from connector.domain.stored import known_fields, stored_member, with_unknown
from connector.domain.studio.capture import SdkOptions
from connector.domain.studio.custom_data import CustomInput, InputType
from connector.domain.studio.studio import LinkDefaults, Notices, OutputClaim, OutputRole, Studio
from connector.store import batch, required
from connector.store.batch import Answer
from connector.store.deliveries.audience import WATCHES
from connector.store.deliveries.endpoints import is_notified
from connector.store.hidden import IS_REGISTERED
from connector.store.models import providers

_PLAIN = Studio()  # the configuration of most providers
_STUDIO_LISTS = {"custom_data": "name", "output_claims": "uri"}  # and the property that names an entry
_OPERATORS = {"sw": "istartswith", "ew": "iendswith", "co": "icontains"}
NOTIFIED = (
    is_notified(*TASK_EVENTS).label("notifies_of_tasks"),
    is_notified(*MATCH_EVENTS).label("notifies_of_matches"),
)
_SELECT = select(
    providers.c.id.label("provider_id"),
    providers.c.tenant,
    providers.c.name,
    providers.c.description,
    providers.c.image,
    providers.c.is_enabled,
    providers.c.claims,
    providers.c.workflow_id,
    providers.c.base_url,
    providers.c.max_attempts,
    providers.c.attempt_window,
    providers.c.missing_name,
    providers.c.accent_color,
    providers.c.previous_webhook_token_expires_at,
    providers.c.webhook_token.is_not(None).label("has_webhook_token"),
    providers.c.notice_secret.is_not(None).label("has_notice_secret"),
    providers.c.api_token.label("sealed_api_token"),
    providers.c.client_id,
    providers.c.environment,
    providers.c.client_secret.label("sealed_client_secret"),
    providers.c.credentials_set_at,
    providers.c.webhook_set_at,
    providers.c.notice_secret_set_at,
    providers.c.studio,
    *NOTIFIED,
)
_FIND = _SELECT.where(providers.c.id == bindparam("provider_id"), providers.c.tenant == bindparam("of_tenant"))
_FIND_NAMED = _SELECT.where(providers.c.name_key == bindparam("of_key"), providers.c.tenant == bindparam("of_tenant"))
WEBHOOK_TOKENS = (
    providers.c.webhook_token,
    providers.c.previous_webhook_token,
    providers.c.previous_webhook_token_expires_at,
)
_SHARE = (
    select(
        providers.c.environment,
        providers.c.sandbox_period,
        providers.c.has_lapsed_claims,
        WATCHES.label("watches"),
        *WEBHOOK_TOKENS,
    )
    .where(providers.c.id == bindparam("provider_id"), IS_REGISTERED)
    .with_for_update(read=True, key_share=True)
)
_REQUIRE = required.one_row(_SHARE)


@frozen
class SharedProvider:
    """The data of a provider that cannot change while it is share-locked.

    `has_lapsed_claims`: claims that the sandbox verified in an earlier period may not be withdrawn yet. `watches`: it
    has the setting for watchlist monitors.
    """

    environment: str | None
    sandbox_period: int = 0
    has_lapsed_claims: bool = False
    watches: bool = False


def add(connection: Connection, provider_id: str, tenant: str, values: Mapping[str, Any], now: datetime) -> None:
    """Insert a provider; `values` are its columns. A name that is taken raises `IntegrityError`."""
    row = {
        "id": provider_id,
        "name_key": name_key(values["name"]),
        "tenant": tenant,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(insert(providers).values(row | dict(values)))


def lock(connection: Connection, provider_id: str, tenant: str) -> Mapping[str, Any] | None:
    """Lock a provider of the tenant and return all of its columns, with encrypted secrets."""
    statement = select(providers).where(providers.c.id == provider_id, providers.c.tenant == tenant)
    row = connection.execute(statement.with_for_update()).one_or_none()
    return None if row is None else row._asdict()


def lock_all(connection: Connection, tenant: str) -> None:
    """Lock all providers of a tenant, in the order of their ids: meanwhile no result is applied, and none after that
    can miss what the transaction adds (`deliveries/audience.py`).
    """
    statement = select(providers.c.id).where(providers.c.tenant == tenant).order_by(providers.c.id)
    connection.execute(statement.with_for_update())


def lock_name(connection: Connection, provider_id: str, tenant: str, name: str) -> bool:
    """Lock the provider that is to get this name, and the one that has it; return whether the name is free.

    Both are locked in the order of their ids, because two administrators who swap names could otherwise deadlock.
    """
    is_either = (providers.c.id == provider_id) | (providers.c.name_key == name_key(name))
    statement = select(providers.c.id).where(providers.c.tenant == tenant, is_either).order_by(providers.c.id)
    return set(connection.execute(statement.with_for_update()).scalars()) <= {provider_id}


def change(connection: Connection, provider_id: str, values: Mapping[str, Any], now: datetime) -> None:
    """Update the given columns of a provider. A name that is taken raises `IntegrityError`."""
    key = {"name_key": name_key(values["name"])} if "name" in values else {}
    statement = update(providers).where(providers.c.id == provider_id)
    connection.execute(statement.values(dict(values) | key | {"updated_at": now}))


def share(connection: Connection, provider_id: str) -> Answer:
    """Share-lock a provider until the transaction's end; no row if it was removed.

    Returns the columns of `SharedProvider`, and those of `WEBHOOK_TOKENS`.
    """
    return batch.execute(connection, _SHARE, {"provider_id": provider_id})


def require(connection: Connection, provider_id: str) -> None:
    """Share-lock a provider; if it was removed, the transaction fails with `NoRowError`."""
    batch.execute(connection, _REQUIRE, {"provider_id": provider_id})


def read_shared(answer: Answer) -> SharedProvider:
    """Read a provider that is share-locked; an empty one if it was removed."""
    row = answer.one_or_none()
    if row is None:
        return SharedProvider(environment=None)
    return SharedProvider(row.environment, row.sandbox_period, row.has_lapsed_claims, row.watches)


def find(connection: Connection, provider_id: str, tenant: str) -> Provider | None:
    """Return one provider of the tenant."""
    row = batch.execute(connection, _FIND, {"provider_id": provider_id, "of_tenant": tenant}).one_or_none()
    return None if row is None else _provider(row)


def find_named(connection: Connection, name: str, tenant: str) -> Provider | None:
    """Return the provider of a tenant with this name, ignoring case."""
    row = connection.execute(_FIND_NAMED, {"of_key": name_key(name), "of_tenant": tenant}).one_or_none()
    return None if row is None else _provider(row)


def find_page(
    connection: Connection, tenant: str, conditions: Sequence[Condition], limit: int | None, offset: int
) -> tuple[list[Provider], int]:
    """Return a page of the tenant's providers by name, and their total number."""
    clauses = [providers.c.tenant == tenant, *(_clause(condition) for condition in conditions)]
    total = connection.execute(select(func.count()).select_from(providers).where(*clauses)).scalar_one()
    page = _SELECT.where(*clauses).order_by(providers.c.name, providers.c.id)
    return [_provider(row) for row in connection.execute(page.limit(limit).offset(offset))], total


def is_any(connection: Connection) -> bool:
    """Whether there is a provider, of any tenant."""
    return connection.execute(select(providers.c.id).where(IS_REGISTERED).limit(1)).one_or_none() is not None


def find_known(connection: Connection, tenant: str, provider_ids: Collection[str], *, share: bool = False) -> set[str]:
    """Return which of the ids are providers of the tenant; with `share`, these cannot be removed meanwhile."""
    statement = select(providers.c.id).where(providers.c.tenant == tenant, providers.c.id.in_(provider_ids))
    if share:
        statement = statement.order_by(providers.c.id).with_for_update(read=True, key_share=True)
    return set(connection.execute(statement).scalars())


def studio_column(studio: Studio, stored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the column's value in the form in which it is read again, because JSON has no tuples.

    `stored` is its present value, of which properties of a later version are kept.
    """
    return with_unknown(json.loads(json.dumps(asdict(studio))), stored or {}, _STUDIO_LISTS)


def read_studio(column: Mapping[str, Any] | None) -> Studio:
    """Read the column's value."""
    if not column:
        return _PLAIN
    inputs = (each | {"type": stored_member(InputType, each["type"])} for each in column["custom_data"])
    outputs = (each | {"role": stored_member(OutputRole, each["role"])} for each in column["output_claims"])
    link, notices = known_fields(LinkDefaults, column["link"]), column["notices"]
    return Studio(
        **known_fields(Studio, column)
        | {
            "tags": tuple(column["tags"]),
            "custom_data": tuple(CustomInput(**known_fields(CustomInput, each)) for each in inputs),
            "output_claims": tuple(OutputClaim(**known_fields(OutputClaim, each)) for each in outputs),
            "link": LinkDefaults(**link | {"redirect_urls": tuple(link["redirect_urls"])}),
            "sdk": SdkOptions(**known_fields(SdkOptions, column["sdk"])),
            "notices": Notices(notices["url"], tuple(notices["tasks"])),
        }
    )


def _provider(row: Any) -> Provider:
    columns = row._asdict()
    return Provider(**columns | {"studio": read_studio(columns["studio"])})


def _clause(condition: Condition) -> ColumnElement[bool]:
    column = literal(PROVIDER_TYPE) if condition.attribute == "type" else providers.c[condition.attribute]
    if isinstance(condition.value, bool):
        return column.is_(condition.value)
    value = condition.value
    if condition.attribute == "name":  # its key folds the case of every script, unlike some databases
        column, value = providers.c.name_key, name_key(value)
    if condition.operator == "eq":
        return func.lower(column) == func.lower(value)
    clause: ColumnElement[bool] = getattr(column, _OPERATORS[condition.operator])(value, autoescape=True)
    return clause
