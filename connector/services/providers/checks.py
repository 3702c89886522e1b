"""The checks at Onfido whether a provider is ready; a refusal is a failed check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from connector.domain.provider import webhook_command
from connector.domain.readiness import REGION, TOKEN, WEBHOOK, WORKFLOW, Check, not_checked, webhook_objection
from connector.errors import Code, OnfidoError
from connector.onfido.client import RegisteredWebhook
from connector.onfido.subscriptions import PAYLOAD_VERSION
from connector.services.providers.webhook import ProviderWebhook, choose

_ADVICE = {
    Code.TOKEN_REFUSED: "Give the provider an API token, or client credentials, of its account and region.",
    Code.BASE_URL_WRONG: "Give the provider the base URL of its account's region; if it is right, check the network.",
    Code.WORKFLOW_REFUSED: "Correct the workflow's id, or publish the workflow in Onfido Studio.",
    Code.ONFIDO_THROTTLES: "Test again in a minute.",
    Code.ONFIDO_UNREACHABLE: "Test again in a minute; if that does not help, check the base URL and the network.",
}
_OTHER_ADVICE = "Check the base URL; if it is right, ask Onfido about its answer."


def reach(account: ProviderWebhook) -> tuple[Check, Check]:
    """Check the region and the token; a refusal of the token proves that the region is right."""
    region = Check(REGION, True, f"Onfido answers at {account.provider.base_url}.")
    try:
        account.onfido.ping()
    except OnfidoError as error:
        if error.code is Code.TOKEN_REFUSED:
            return region, _failed(TOKEN, error)
        return _failed(REGION, error), not_checked(TOKEN, f"the check of the {REGION} failed")
    taken = "API token" if account.provider.client_id is None else "client credentials"
    return region, Check(TOKEN, True, f"Onfido accepts the {taken}.")


def check_workflow(account: ProviderWebhook) -> Check:
    """Check the workflow, as far as Onfido's API allows."""

    def ask() -> Check:
        workflow_id = account.provider.workflow_id
        account.onfido.probe_workflow(workflow_id)
        return Check(WORKFLOW, True, f"Onfido accepts the workflow {workflow_id}.")

    return _asked(WORKFLOW, ask)


def check_webhook(account: ProviderWebhook) -> Check:
    """Check that Onfido posts all events that are used, and that the connector accepts them."""
    if objection := webhook_objection(account.provider, account.url):
        return Check(WEBHOOK, False, objection)

    def ask() -> Check:
        ours = account.webhooks()
        register = f"register it with `{webhook_command(account.provider)}`, or with POST to the provider's /webhook"
        if not ours:
            return Check(WEBHOOK, False, f"Onfido has no webhook with the URL {account.url}: {register}.")
        if faults := list(_faults(account, ours)):
            return Check(
                WEBHOOK, False, f"The webhook at Onfido is wrong: {', '.join(faults)}. To repair it, {register}."
            )
        events, environments = ", ".join(account.provider.events), " and ".join(sorted(account.environments))
        return Check(WEBHOOK, True, f"Onfido posts {events} ({environments}) to {account.url}.")

    return _asked(WEBHOOK, ask)


def _faults(account: ProviderWebhook, ours: Sequence[RegisteredWebhook]) -> Iterator[str]:
    webhook = choose(ours, account.token) or ours[0]
    if len(ours) > 1:
        yield f"there are {len(ours)} webhooks"
    if not webhook.is_enabled:
        yield "it is disabled"
    if missing := sorted(set(account.provider.events) - webhook.events):
        yield f"it is not subscribed to {', '.join(missing)}"
    if missing := sorted(account.environments - webhook.environments):
        yield f"it is not for {' and '.join(missing)}"
    if webhook.payload_version not in (None, PAYLOAD_VERSION):
        yield f"its payload_version is {webhook.payload_version}, not {PAYLOAD_VERSION}"
    if account.token is None:
        yield "no token is registered here, so its events are refused"
    elif webhook.token not in (None, account.token):
        yield "its token is not the one that is registered here"


def _asked(name: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except OnfidoError as error:
        return _failed(name, error)


def _failed(name: str, error: OnfidoError) -> Check:
    detail = f"{error.description} {_ADVICE.get(error.code, _OTHER_ADVICE)}"
    return Check(name, False, detail, is_unanswered=error.is_retryable)
