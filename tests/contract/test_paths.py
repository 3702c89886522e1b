"""Paths as clients write them: with a final slash, with ids of any printable characters, and with `me`."""

from __future__ import annotations

import socket
from urllib.parse import quote, urlsplit

import pytest
import requests

from tests.bodies import event_body, sign
from tests.contract.wire import (
    OPERATIONS,
    PROVIDERS,
    UNKNOWN_ID,
    USERS,
    WEBHOOK,
    Operation,
    answer_on,
    assert_error,
    entry,
    on_sqlite,
)
from tests.harness import HTTP, World, run_id_of

REFUSED = {"providerId": 0}  # a body that changes nothing: the connector may continue started work between two requests
UNPROTECTED = ("/healthz", "/readyz", "/openapi.json", "/docs", "/docs/swagger-ui.css", "/nowhere", "/t/acme/nowhere")
ODD_IDS = (
    "SECONDARY/ann",
    "/ann",
    "ann/",
    "a//b",
    "a/b/c",
    "50%",
    "%2F",
    "a%2Fb",
    "ann example",
    "ann@example.com",
    "a+b",
    "a?b#c",
    "a;b=c,d",
    "Zoë/Ørsted",
    "अन्न",
    "😀",
    "Me",
    "me/",
    "idv",
    "me/idv/claims",
)


def ask(url: str, method: str = "GET", **options: object) -> requests.Response:
    return HTTP.request(method, url, timeout=60, allow_redirects=False, **options)  # type: ignore[arg-type]


def said(answer: requests.Response) -> tuple[object, ...]:
    """Return the part of an answer that can be compared: the audit trail's CSV contains the previous export as well."""
    is_json = answer.headers.get("Content-Type") == "application/json"
    sheet = [line for line in answer.content.splitlines() if b"exported" not in line]
    body = {**answer.json(), "traceId": ""} if is_json and "traceId" in answer.text else sheet
    return answer.status_code, body, answer.headers.get("Allow"), answer.headers.get("WWW-Authenticate")


FIRST_OF_PATHS = {each.path: each for each in reversed(OPERATIONS)}


@on_sqlite
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("prefix", ["", "/t/acme"])
def test_an_operation_accepts_a_final_slash(shared: World, operation: Operation, prefix: str) -> None:
    path = prefix + operation.path_for()
    admin, user = shared.connector.as_admin("acme"), shared.connector.as_user("ann", "carbon.super")
    asked = [(admin, operation.method), (user, operation.method)]
    if FIRST_OF_PATHS[operation.path] is operation and not prefix:  # which is removed before a method is looked at
        asked += [(admin, "PATCH"), (user, "OPTIONS")]
    for caller, method in asked:
        plain, slashed = (
            ask(shared.connector.url + each, method, json=REFUSED, headers=dict(caller.headers))
            for each in (path, path + "/")
        )
        assert said(plain) == said(slashed)
        assert "Location" not in slashed.headers


@on_sqlite
@pytest.mark.parametrize("path", UNPROTECTED)
def test_a_public_path_accepts_a_final_slash(shared: World, path: str) -> None:
    plain, slashed = ask(shared.connector.url + path), ask(shared.connector.url + path + "/?x=/")
    assert plain.status_code in (200, 404)
    assert said(plain)[0] == said(slashed)[0]
    assert len(plain.content) == len(slashed.content)


@on_sqlite
@pytest.mark.parametrize("end", ["//", "/%2F", "%2F", "///", "/%2f/"])
def test_more_than_one_final_slash_is_another_path(shared: World, end: str) -> None:
    assert_error(ask(shared.connector.url + "/healthz" + end), 404)


@on_sqlite
def test_an_event_posted_with_a_final_slash_is_applied(shared: World) -> None:
    world = shared
    ann = world.add_user("ann-of-the-slash")
    run_id = world.start(ann)
    body = event_body(run_id, comparisons={"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"})
    url = world.connector.url + WEBHOOK.format(provider_id=world.provider_id)
    headers = {"X-SHA2-Signature": sign(body, world.webhook_token)}
    assert ask(url + "/", "POST", data=body, headers=headers).status_code == 200
    assert all(claim["isVerified"] for claim in answer_on(ann.get(f"{USERS}/me/idv/claims/"), 200))


@on_sqlite
@pytest.mark.parametrize("user_id", ODD_IDS)
def test_a_user_with_any_printable_id_is_reached_by_every_route(shared: World, user_id: str) -> None:
    world = shared
    caller = world.add_user(user_id)
    admin, path = world.connector.as_admin(), f"{USERS}/{quote(user_id, safe='')}/idv"
    started = admin.verify(world.provider_id, "INITIATED", user_id=quote(user_id, safe=""))
    assert started.status_code == 200, started.text
    assert run_id_of(started)
    listed = answer_on(admin.get(f"{path}/claims/"), 200)
    assert listed == answer_on(caller.get(f"{USERS}/me/idv/claims"), 200)
    assert answer_on(admin.get(f"{path}/claims/{listed[0]['id']}"), 200) == listed[0]
    assert {each.user_id for each in world.verifications(user_id)} == {user_id}
    assert_error(admin.post(f"{path}/claims", [entry(world.provider_id)]), 409, "IDV-10004")
    remover = world.connector.caller("admin", ["internal_idv_claim_delete"])
    assert remover.request("DELETE", path).status_code == 204


@on_sqlite
@pytest.mark.parametrize(
    "path", ["/%1Fhealthz", "/healthz%1f", f"{USERS}/a%1Fb/idv/claims", f"{USERS}/a%00b/idv/claims"]
)
def test_a_path_with_unprintable_characters_is_not_found(shared: World, path: str) -> None:
    assert_error(shared.connector.as_admin().get(path), 404)


@on_sqlite
def test_an_encoded_slash_separates_no_path_segments(shared: World) -> None:
    admin = shared.connector.as_admin()
    for path in (
        f"{USERS}%2Fann/idv/claims",
        f"{USERS}/ann%2Fidv/claims",
        f"{USERS}/ann/idv%2fclaims",
        "/t%2Facme/healthz",
    ):
        assert_error(admin.get(path), 404, "HTTP-404")
    assert_error(admin.get(f"{PROVIDERS}/a%2Fb"), 404, "IDVP-60000")


@on_sqlite
@pytest.mark.parametrize("written", ["me", "%6De", "m%65"])
def test_an_administrator_cannot_address_a_user_as_me(shared: World, written: str) -> None:
    admin = shared.connector.caller("admin", [each.scope for each in OPERATIONS])
    claims = f"{USERS}/{written}/idv/claims"
    assert_error(admin.post(claims, [entry(shared.provider_id)]), 404, "IDV-10001")
    assert_error(admin.put(claims, [entry(shared.provider_id)]), 404, "IDV-10001")
    changed = admin.put(f"{claims}/{UNKNOWN_ID}", {"isVerified": True, "claimMetadata": {}})
    assert_error(changed, 404, "IDV-10001")
    assert_error(admin.request("DELETE", f"{USERS}/{written}/idv"), 404, "IDV-10001")


@on_sqlite
def test_no_user_can_have_the_id_me(shared: World) -> None:
    me = shared.connector.as_user("me")
    assert_error(me.get(f"{USERS}/me/idv/claims"), 400, "IDV-10005")
    assert_error(me.verify(shared.provider_id, "INITIATED"), 400, "IDV-10005")


@on_sqlite
def test_a_request_target_in_absolute_form_is_read(shared: World) -> None:
    parts = urlsplit(shared.connector.url)
    token = shared.connector.as_admin().headers["Authorization"]
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=60) as client:
        target = f"{shared.connector.url}{USERS}/a%2Fb/idv/claims/?idVProviderId="
        client.sendall(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert b"There is no user a/b: " in answer
