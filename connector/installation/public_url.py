"""Whether `public_url` leads to this installation, and whether the proxy buffers requests.

this process ──► proxy ──► connector       a body in two pieces, signed with a key that only processes on this
             ◄───────── ◄──────────        database have; the answer is signed too, and reports how long the body
                                            took to arrive: with a buffering proxy, no time at all
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.readiness import Check, not_checked
from connector.errors import ConnectorError
from connector.http.client import HttpClient
from connector.installation import warning
from connector.services.self_check import PATH, PROOF_HEADER, SIGNATURE_HEADER, SelfCheck

REACH, BUFFERING = "reach", "buffering"
PATIENCE = 15.0  # seconds
PAUSE = 1.5  # seconds between the two pieces of the body
SIZE = 4096  # bytes of the body
MAX_ANSWER = 4096  # bytes
UNTOLD = "This does not show whether Onfido reaches it from the Internet"
_ADVICE = {
    401: "another connector, or one with another database or other keys, answers there",
    404: "the proxy does not forward the path, or an older version of the connector answers",
    413: "the proxy refuses bodies of a few kilobytes: its limit must be at least `max_body_bytes`",
    502: "the proxy does not reach `connector serve`: check that it runs, and its address in the proxy's configuration",
    503: "the proxy does not reach `connector serve`: check that it runs, and its address in the proxy's configuration",
    504: "`connector serve` does not answer the proxy: check that it runs, and its log",
}
_AWAY = (502, 503, 504)
_UNREACHED = "Check `public_url`, its DNS name, the proxy and its certificate."
_OTHER_ADVICE = "configure the proxy to forward this path unchanged, without a login"


@frozen
class _Answer:
    status: int
    proof: str
    body: bytes


def check_public_url(
    public_url: str,
    self_check: SelfCheck,
    client: HttpClient,
    *,
    is_served: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Check]:
    """Send a body through `public_url`, and check the answer.

    If no `connector serve` runs (`is_served`) and none answers, nothing is reported.
    """
    answer, reach = _ask(public_url.rstrip("/") + PATH, self_check, client, sleep)
    if not is_served and (answer is None or answer.status in _AWAY):
        reach = not_checked(REACH, message("no `connector serve` of this database runs"))
    yield reach
    if answer and reach.passed:
        yield _judge_buffering(answer)
    else:
        yield not_checked(BUFFERING, message("the check %(reach)s did not pass", reach=REACH))


def _ask(
    url: str, self_check: SelfCheck, client: HttpClient, sleep: Callable[[float], None]
) -> tuple[_Answer | None, Check]:
    nonce = secrets.token_hex(16)
    body = json.dumps({"nonce": nonce}).encode().ljust(SIZE)
    try:
        answer = _send(client, url, body, self_check.sign(body), sleep)
    except ConnectorError as error:
        return None, Check(
            REACH, False, message("%(description)s %(unreached)s", description=error.description, unreached=_UNREACHED)
        )
    return answer, _judge_reach(url, answer, self_check.proof(nonce))


def _send(client: HttpClient, url: str, body: bytes, signature: str, sleep: Callable[[float], None]) -> _Answer:
    def pieces() -> Iterator[bytes]:
        yield body[: SIZE // 2]
        sleep(PAUSE)
        yield body[SIZE // 2 :]

    headers = {"Content-Type": "application/json", "Content-Length": str(SIZE), SIGNATURE_HEADER: signature}
    with client.open("POST", url, seconds=PATIENCE, headers=headers, body=pieces()) as answer:
        return _Answer(answer.status, answer.header(PROOF_HEADER), answer.read(MAX_ANSWER))


def _judge_reach(url: str, answer: _Answer, proof: str) -> Check:
    if answer.status == HTTPStatus.OK and secrets.compare_digest(answer.proof, proof):
        return Check(
            REACH, True, message("%(url)s leads here, as seen from this machine. %(untold)s.", url=url, untold=UNTOLD)
        )
    if answer.status == HTTPStatus.OK:
        return Check(
            REACH,
            False,
            message("Another server than this connector answers at %(url)s: correct `public_url`.", url=url),
        )
    advice = _ADVICE.get(answer.status, _OTHER_ADVICE)
    return Check(
        REACH, False, message("%(url)s answered %(status)s: %(advice)s.", url=url, status=answer.status, advice=advice)
    )


def _judge_buffering(answer: _Answer) -> Check:
    took = _arrival(answer.body)
    if took is None:
        return not_checked(BUFFERING, message("the server does not report how long the request took to arrive"))
    if took < PAUSE / 2:
        detail = f"A body that was sent in {PAUSE:g} seconds arrived in one piece: the proxy buffers requests."
        return Check(
            BUFFERING, True, message("%(detail)s This does not show whether it buffers answers.", detail=detail)
        )
    advice = "switch its buffering of requests on (deploy/DEPLOYMENT.md, Proxies)"
    return warning(
        BUFFERING,
        message("The body arrived as slowly as it was sent: there is no proxy, or %(advice)s.", advice=advice),
    )


def _arrival(body: bytes) -> float | None:
    try:
        arrival = json.loads(body)["arrival"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(arrival) if isinstance(arrival, int | float) else None
