"""Trying a change at Onfido before it is saved."""

from __future__ import annotations

from typing import Any

from flask import g

from connector.console.ground import use_cases
from connector.console.providers import page
from connector.console.translations import say
from connector.domain.messages import joined
from connector.domain.providers.provider import Provider, ProviderConfig
from connector.domain.providers.readiness import CLAIMS
from connector.services.providers.trial import Trials


def refused_by_onfido(provider: Provider, **changes: Any) -> str:
    """Return in words which checks fail with a change; empty if none does, or if it does not affect Onfido.

    The mapping, which is not changed here, may be incomplete. Raises `InvalidField` for values that could not be saved
    either.
    """
    trials: Trials = use_cases().trials
    kept = {name: getattr(provider, name) for name in page.KEPT}
    config = ProviderConfig(**kept | changes)
    is_other = trials.has_other_access(g.tenant, provider.provider_id, config)
    if not is_other and config.workflow_id == provider.workflow_id:
        return ""
    readiness = trials.of_change(g.tenant, provider.provider_id, config)
    return str(
        say(joined(check.detail for check in readiness.checks if check.passed is False and check.name != CLAIMS))
    )
