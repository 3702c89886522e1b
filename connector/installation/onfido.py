"""Whether Onfido accepts each provider, and how many calls its account may still send."""

from __future__ import annotations

from collections.abc import Iterator

from connector.bootstrap import Services
from connector.domain.messages import message
from connector.domain.providers.provider import Provider
from connector.domain.providers.readiness import Check
from connector.domain.tenancy import Tenant
from connector.errors import ConnectorError
from connector.installation import warning

BUDGET, CONFIGURATION = "budget", "configuration"
MOST = 20  # providers of a tenant


def check_providers(services: Services, tenant: Tenant) -> Iterator[tuple[str, Check]]:
    """Run all checks of a tenant's providers; yields the provider's name as well."""
    providers, total = services.providers.page(tenant, limit=MOST, offset=0)
    for provider in providers:
        yield from ((provider.name, check) for check in _checks(services, tenant, provider))
    if total > MOST:
        detail = f"{total - MOST} more providers were not checked: use `connector provider test`."
        yield "further providers", Check(CONFIGURATION, None, detail)


def _checks(services: Services, tenant: Tenant, provider: Provider) -> Iterator[Check]:
    if not provider.is_enabled:
        yield Check(CONFIGURATION, None, message("It is disabled and was not checked."))
        return
    try:
        yield from services.setup.test(tenant, provider.provider_id, services.settings.public_url).checks
        yield _budget(services, provider)
    except ConnectorError as error:
        yield Check(
            CONFIGURATION,
            False,
            message("%(description)s Correct it with `connector provider update`.", description=error.description),
        )


def _budget(services: Services, provider: Provider) -> Check:
    limit = f"All processes together may send {services.settings.onfido_rate_limit:g} calls a minute"
    held = services.onfido.held(provider)
    if held > 0:
        advice = "Lower `onfido_rate_limit` if other systems use the account"
        return warning(
            BUDGET,
            message(
                "Onfido accepts no calls for %(held)s seconds: the account sent too many. %(advice)s.",
                held=f"{held:.0f}",
                advice=advice,
            ),
        )
    return Check(BUDGET, True, message("%(limit)s, and Onfido delays none.", limit=limit))
