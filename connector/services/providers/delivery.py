"""Whether Onfido's webhooks can arrive: the connector posts a signed event to the webhook's URL.

    probe ──► public_url ──► proxy ──► …/verify ──► its signature is valid ──► 200, with the probe's correlation id

This tests everything except the path from Onfido to the proxy, for which the time of Onfido's last event is reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from connector.domain.ids import new_id
from connector.domain.messages import marked, message
from connector.domain.providers.readiness import DELIVERY, Check, not_checked, webhook_objection
from connector.errors import ConnectorError
from connector.onfido.webhooks import PROBE, SIGNATURE_HEADER, sign
from connector.services.providers.webhook import ProviderWebhook

CORRELATION = "X-Correlation-ID"
# Posts a body and returns the answer's status and correlation id; raises `ConnectorError` if there is no answer.
Post = Callable[[str, Mapping[str, str], bytes], tuple[int, str]]
_ADVICE = {
    401: message("another connector answers there, or it has another webhook token"),
    404: message("the path does not reach this connector, or its database has no such provider"),
}
_REFUSED = marked("A signed event posted to %(url)s was answered %(status)s: %(advice)s. %(last)s.")
_OTHER_ADVICE = message("configure the proxy to forward this path unchanged, without a login")


def _last(event_at: datetime | None) -> str:
    if event_at is None:
        return message("Onfido has not posted yet")
    return message("Onfido last posted at %(time)s", time=event_at)


def check_delivery(account: ProviderWebhook, last_event_at: datetime | None, post: Post) -> Check:
    """Post a signed event without effect to our own URL, and report whether it arrived."""
    if account.token is None:
        return not_checked(DELIVERY, message("no webhook token is registered here"))
    if webhook_objection(account.provider, account.url) is not None:
        return not_checked(DELIVERY, message("the check of the webhook failed"))
    last = _last(last_event_at)
    body, probe_id = _event(), new_id()
    headers = {
        SIGNATURE_HEADER: sign(body, account.token).decode(),
        CORRELATION: probe_id,
        "Content-Type": "application/json",
    }
    try:
        status, correlation = post(account.url, headers, body)
    except ConnectorError as error:
        return not_checked(
            DELIVERY,
            message(
                "%(url)s cannot be reached from this host (%(description)s) %(last)s",
                url=account.url,
                description=error.description,
                last=last,
            ),
        )
    return _judge(account.url, status, last, is_ours=correlation == probe_id)


def _judge(url: str, status: int, last: str, *, is_ours: bool) -> Check:
    """Return the check for an answer to the event; `is_ours`: it has the event's correlation id."""
    if status != 200:  # noqa: PLR2004  HTTP's
        advice = _ADVICE.get(status, _OTHER_ADVICE)
        return Check(DELIVERY, False, message(_REFUSED, url=url, status=status, advice=advice, last=last))
    if is_ours:
        return Check(
            DELIVERY, True, message("A signed event posted to %(url)s arrived here. %(last)s.", url=url, last=last)
        )
    return Check(DELIVERY, False, message("The answer at %(url)s is not a connector's. %(last)s.", url=url, last=last))


def _event() -> bytes:
    payload = {"resource_type": "connector", "action": PROBE, "object": {"id": new_id()}}
    return json.dumps({"payload": payload}).encode()
