"""Whether Onfido's webhooks can arrive: the connector posts a signed event to the webhook's URL.

    probe ──► public_url ──► proxy ──► …/verify ──► its signature is valid ──► 200, with the probe's correlation id

This tests everything except the path from Onfido to the proxy, for which the time of Onfido's last event is reported.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from connector.domain.readiness import DELIVERY, Check, not_checked, webhook_objection
from connector.domain.utc import timestamp
from connector.errors import ConnectorError
from connector.onfido.webhooks import PROBE, SIGNATURE_HEADER, sign
from connector.services.providers.webhook import ProviderWebhook

CORRELATION = "X-Correlation-ID"
# Posts a body and returns the answer's status and correlation id; raises `ConnectorError` if there is no answer.
Post = Callable[[str, Mapping[str, str], bytes], tuple[int, str]]
_ADVICE = {
    401: "another connector answers there, or it has another webhook token",
    404: "the path does not reach this connector, or its database has no such provider",
}
_OTHER_ADVICE = "configure the proxy to forward this path unchanged, without a login"


def check_delivery(account: ProviderWebhook, last_event_at: datetime | None, post: Post) -> Check:
    """Post a signed event without effect to our own URL, and report whether it arrived."""
    if account.token is None:
        return not_checked(DELIVERY, "no webhook token is registered here")
    if webhook_objection(account.provider, account.url) is not None:
        return not_checked(DELIVERY, "the check of the webhook failed")
    last = f"Onfido last posted at {timestamp(last_event_at)}" if last_event_at else "Onfido has not posted yet"
    body, probe_id = _event(), str(uuid.uuid4())
    headers = {
        SIGNATURE_HEADER: sign(body, account.token).decode(),
        CORRELATION: probe_id,
        "Content-Type": "application/json",
    }
    try:
        status, correlation = post(account.url, headers, body)
    except ConnectorError as error:
        return not_checked(DELIVERY, f"{account.url} cannot be reached from this host ({error.description}) {last}")
    if (status, correlation) == (200, probe_id):
        return Check(DELIVERY, True, f"A signed event posted to {account.url} arrived here. {last}.")
    if status == 200:  # noqa: PLR2004  HTTP's
        return Check(DELIVERY, False, f"The answer at {account.url} is not a connector's. {last}.")
    advice = _ADVICE.get(status, _OTHER_ADVICE)
    return Check(DELIVERY, False, f"A signed event posted to {account.url} was answered {status}: {advice}. {last}.")


def _event() -> bytes:
    payload = {"resource_type": "connector", "action": PROBE, "object": {"id": str(uuid.uuid4())}}
    return json.dumps({"payload": payload}).encode()
