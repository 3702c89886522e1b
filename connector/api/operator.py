"""`/api/server/v1/settings` and `…/connections`: for the operator, only in the operator's tenant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, g

from connector.access.gate import AccessDenied
from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.parsing import Blueprint
from connector.api.shapes.operator import ConnectionsSchema, SettingsInForceSchema, connections_body, settings_body
from connector.connections import Connections
from connector.services.key_rotation import KeyRotation
from connector.services.processes import Processes
from connector.settings import Settings
from connector.settings.shown import shown

SCOPE = "internal_idv_operate"
_ROTATE = "encryption_keys: values are still encrypted with another key than the first: run `connector rotate-keys`."
View = TypeVar("View", bound=Callable[..., Any])

blueprint = Blueprint(
    "operator", __name__, url_prefix="/api/server/v1", errors=PROVIDER_ERRORS, description="For the operator"
)


def in_operators_tenant(view: View) -> View:
    """Refuse a view to every tenant except the operator's."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        check_operator()
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def check_operator() -> None:
    """Raise `AccessDenied` if the request is not of the operator's tenant."""
    settings: Settings = current_app.extensions["settings"]
    if g.tenant.name != settings.operator_tenant:
        raise AccessDenied(403, "This is only allowed in the operator's tenant: see the setting `operator_tenant`.", {})


@blueprint.get("/settings")
@blueprint.requires(SCOPE)
@in_operators_tenant
@blueprint.response(200, SettingsInForceSchema)
def get_settings() -> dict[str, Any]:
    """Return the settings in force, each with its source, and the running processes.

    For a secret only whether it is set. Warnings name the processes whose settings differ from those of the process
    that started last.
    """
    return settings_in_force()


@blueprint.get("/connections")
@blueprint.requires(SCOPE, lasting=Lasting.ONFIDO)
@in_operators_tenant
@blueprint.response(200, ConnectionsSchema)
def check_connections() -> dict[str, Any]:
    """Check whether the issuers and directories of all tenants answer.

    These are the checks of `connector check-settings`, made at most once a minute in each process, in at most 10
    seconds.
    """
    connections: Connections = current_app.extensions["connections"]
    return connections_body(connections.check())


def settings_in_force() -> dict[str, Any]:
    """Return the settings of this process, and the stored data of the others."""
    settings: Settings = current_app.extensions["settings"]
    processes: Processes = current_app.extensions["services"].processes
    rotation: KeyRotation = current_app.extensions["services"].key_rotation
    warnings = [*settings.warnings(), *([_ROTATE] if rotation.is_pending() else [])]
    return settings_body(current_app.extensions["since"], shown(settings), processes.running(), warnings)
