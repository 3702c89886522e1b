"""The checks at Onfido whether a provider is ready; a refusal is a failed check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from connector.domain.messages import joined, listed, marked, message
from connector.domain.providers.provider import webhook_command
from connector.domain.providers.readiness import REGION, TOKEN, WEBHOOK, WORKFLOW, Check, not_checked, webhook_objection
from connector.errors import Code, OnfidoError
from connector.onfido.client import RegisteredWebhook
from connector.onfido.subscriptions import PAYLOAD_VERSION
from connector.services.providers.webhook import ProviderWebhook, choose

_ADVICE = {
    Code.TOKEN_REFUSED: message("Set an API token, or client credentials, of the provider's account and region."),
    Code.BASE_URL_WRONG: message(
        "The base URL must be that of the account's region; if it is, check the network and its proxy."
    ),
    Code.WORKFLOW_REFUSED: message("Publish it there if it is a draft."),
    Code.ONFIDO_THROTTLES: message("Test again in a minute."),
    Code.ONFIDO_UNREACHABLE: message(
        "Test again in a minute; if that does not help, check the base URL and the network."
    ),
}
_REGISTER = marked("Register it with `%(command)s`, or with POST to the provider's /webhook.")
_REPAIR = marked("To repair it, register it with `%(command)s`, or with POST to the provider's /webhook.")
_OTHER_ADVICE = message("Check the base URL; if it is right, ask Onfido about its answer.")


def reach(account: ProviderWebhook) -> tuple[Check, Check]:
    """Check the region and the token; a refusal of the token proves that the region is right."""
    region = Check(REGION, True, message("Onfido answers at %(base_url)s.", base_url=account.provider.base_url))
    try:
        account.onfido.ping()
    except OnfidoError as error:
        if error.code is Code.TOKEN_REFUSED:
            return region, _failed(TOKEN, error)
        return _failed(REGION, error), not_checked(TOKEN, message("the check of the %(region)s failed", region=REGION))
    if account.provider.client_id is None:
        return region, Check(TOKEN, True, message("Onfido accepts the API token."))
    return region, Check(TOKEN, True, message("Onfido accepts the client credentials."))


def check_workflow(account: ProviderWebhook) -> Check:
    """Check the workflow, as far as Onfido's API allows."""

    def ask() -> Check:
        workflow_id = account.provider.workflow_id
        account.onfido.probe_workflow(workflow_id)
        return Check(WORKFLOW, True, message("Onfido accepts the workflow %(workflow_id)s.", workflow_id=workflow_id))

    return _asked(WORKFLOW, ask)


def check_webhook(account: ProviderWebhook) -> Check:
    """Check that Onfido posts all events that are used, and that the connector accepts them."""
    if objection := webhook_objection(account.provider, account.url):
        return Check(WEBHOOK, False, objection)

    def ask() -> Check:
        ours = account.webhooks()
        command = webhook_command(account.provider)
        if not ours:
            missing = message("Onfido has no webhook with the URL %(url)s.", url=account.url)
            return Check(WEBHOOK, False, joined((missing, message(_REGISTER, command=command))))
        if faults := list(_faults(account, ours)):
            wrong = message("The webhook at Onfido is wrong: %(faults)s.", faults=listed(faults))
            return Check(WEBHOOK, False, joined((wrong, message(_REPAIR, command=command))))
        events, environments = ", ".join(account.provider.events), " and ".join(sorted(account.environments))
        return Check(
            WEBHOOK,
            True,
            message(
                "Onfido posts %(events)s (%(environments)s) to %(url)s.",
                events=events,
                environments=environments,
                url=account.url,
            ),
        )

    return _asked(WEBHOOK, ask)


def _faults(account: ProviderWebhook, ours: Sequence[RegisteredWebhook]) -> Iterator[str]:
    webhook = choose(ours, account.token) or ours[0]
    if len(ours) > 1:
        yield message("there are %(number)s webhooks", number=len(ours))
    if not webhook.is_enabled:
        yield message("it is disabled")
    if missing := sorted(set(account.provider.events) - webhook.events):
        yield message("it is not subscribed to %(missing)s", missing=", ".join(missing))
    if missing := sorted(account.environments - webhook.environments):
        yield message("it is not for %(missing)s", missing=", ".join(missing))
    if webhook.payload_version not in (None, PAYLOAD_VERSION):
        version = str(webhook.payload_version)
        yield message("its payload_version is %(version)s, not %(known)s", version=version, known=PAYLOAD_VERSION)
    if account.token is None:
        yield message("no token is registered here, so its events are refused")
    elif webhook.token not in (None, account.token):
        yield message("its token is not the one that is registered here")


def _asked(name: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except OnfidoError as error:
        return _failed(name, error)


def _failed(name: str, error: OnfidoError) -> Check:
    detail = joined((error.description, _ADVICE.get(error.code, _OTHER_ADVICE)))
    return Check(name, False, detail, is_unanswered=error.is_retryable)
