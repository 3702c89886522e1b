"""Streams as receivers manage them (SSF 1.0, section 8.1), and the metadata that names the endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from flask import g

from connector.api.middleware import shares
from connector.api.middleware.shares import Lasting
from connector.domain.signals import LEVEL_CHANGE, MAX_STREAMS, MAX_SUBJECTS, POLL, PUSH
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.store.models import signal_subjects
from connector.store.signals import signal_streams
from tests.contract.wire import MASK, UNKNOWN_ID
from tests.harness import HTTP, World
from tests.signals.receiver import STATUS, STREAMS, VERIFICATION, Receiver, as_client, connect

URL = "http://127.0.0.1:9/events"
ELSEWHERE = {"method": PUSH, "endpoint_url": URL, "authorization_header": "Bearer secret-of-app"}


@pytest.fixture
def receiver(world: World) -> Receiver:
    return connect(as_client(world.connector), description="the tests")


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("/.well-known/ssf-configuration", ""),
        ("/t/acme/.well-known/ssf-configuration", "/t/acme"),
        ("/.well-known/ssf-configuration/t/acme", "/t/acme"),
    ],
)
def test_metadata_describes_the_transmitter_of_each_tenant(world: World, path: str, suffix: str) -> None:
    answer = HTTP.get(world.connector.url + path, timeout=60)
    metadata = answer.json()
    base = world.connector.url + suffix
    assert metadata["issuer"] == base
    assert metadata["spec_version"] == "1_0"
    assert metadata["delivery_methods_supported"] == [PUSH, POLL]
    assert metadata["authorization_schemes"] == [{"spec_urn": "urn:ietf:rfc:6749"}]
    assert metadata["default_subjects"] == "ALL"
    assert HTTP.get(metadata["jwks_uri"], timeout=60).json()["keys"]
    for name in ("configuration", "status", "verification", "add_subject", "remove_subject"):
        assert metadata[f"{name}_endpoint"].startswith(f"{base}/ssf/")
    assert answer.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.one_database
def test_metadata_of_no_tenant_is_not_found(world: World) -> None:
    for path in ("/t/acme/.well-known/ssf-configuration/t/other", "/.well-known/ssf-configuration/t/-"):
        assert HTTP.get(world.connector.url + path, timeout=60).status_code == 404


def test_a_stream_is_created_changed_and_removed(world: World, receiver: Receiver) -> None:
    app, stream_id = receiver.caller, receiver.stream_id
    assert receiver.stream == {
        "stream_id": stream_id,
        "iss": world.connector.url,
        "aud": "app",
        "delivery": {"method": POLL, "endpoint_url": f"{world.connector.url}/ssf/poll/{stream_id}"},
        "events_supported": [LEVEL_CHANGE],
        "events_requested": [LEVEL_CHANGE],
        "events_delivered": [LEVEL_CHANGE],
        "min_verification_interval": 30,
        "description": "the tests",
    }
    assert app.get(STREAMS, params={"stream_id": stream_id.upper()}).json() == receiver.stream
    assert app.get(STREAMS).json() == [receiver.stream]

    changed = app.request("PATCH", STREAMS, json={"stream_id": stream_id, "delivery": ELSEWHERE}).json()
    assert changed["delivery"] == ELSEWHERE | {"authorization_header": MASK}
    assert changed["description"] == "the tests"
    again = app.request("PATCH", STREAMS, json=changed | {"description": None}).json()
    assert again == {name: value for name, value in changed.items() if name != "description"}
    assert header_of(world, stream_id) == "Bearer secret-of-app", "the mask keeps it"
    replaced = app.put(STREAMS, {"stream_id": stream_id, "events_requested": ["https://example.com/other"]}).json()
    assert replaced["delivery"]["method"] == POLL
    assert (replaced["events_requested"], replaced["events_delivered"]) == (["https://example.com/other"], [])
    assert header_of(world, stream_id) is None

    assert app.request("DELETE", STREAMS, params={"stream_id": stream_id}).status_code == 204
    assert app.get(STREAMS).json() == []
    assert app.request("DELETE", STREAMS, params={"stream_id": stream_id}).status_code == 404


def header_of(world: World, stream_id: str) -> str | None:
    services = world.connector.services
    with services.database.read() as connection:
        stream = signal_streams.find(connection, stream_id)
    assert stream is not None
    sealed = stream.config.authorization_header
    if sealed is None:
        return None
    assert "secret-of-app" not in sealed
    return services._vault.open(sealed, f"signal_streams/{stream_id}/authorization_header")


@pytest.mark.one_database
def test_a_stream_belongs_to_its_receiver(world: World, receiver: Receiver) -> None:
    stream_id = receiver.stream_id
    for other in (as_client(world.connector, "other"), as_client(world.connector, tenant="acme")):
        subject = {"stream_id": stream_id, "subject": {"format": "opaque", "id": "ann"}}
        answers = [
            other.get(STREAMS, params={"stream_id": stream_id}),
            other.request("PATCH", STREAMS, json={"stream_id": stream_id}),
            other.put(STREAMS, {"stream_id": stream_id}),
            other.request("DELETE", STREAMS, params={"stream_id": stream_id}),
            other.get(STATUS, params={"stream_id": stream_id}),
            other.post(STATUS, {"stream_id": stream_id, "status": "paused"}),
            other.post(VERIFICATION, {"stream_id": stream_id}),
            other.post("/ssf/subjects/add", subject),
            other.post("/ssf/subjects/remove", subject),
            other.post(f"/ssf/poll/{stream_id}", {}),
        ]
        assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "IDVP-60100")] * len(answers)
        assert other.get(STREAMS).json() == []
    assert receiver.ask_status() == {"stream_id": stream_id, "status": "enabled"}


@pytest.mark.one_database
def test_every_stream_operation_requires_its_scope(world: World, receiver: Receiver) -> None:
    reader, nobody = (as_client(world.connector, scopes=scopes) for scopes in (["ssf.read"], ["internal_idvp_view"]))
    stream_id = receiver.stream_id
    assert reader.get(STREAMS).json() == [receiver.stream]
    assert reader.post(f"/ssf/poll/{stream_id}", {"returnImmediately": True}).status_code == 200
    for answer in (reader.post(STREAMS, {}), reader.request("DELETE", STREAMS), nobody.get(STREAMS)):
        assert answer.status_code == 403
        assert "ssf." in answer.headers["WWW-Authenticate"]
    assert HTTP.get(world.connector.url + STREAMS, timeout=60).status_code == 401
    unnamed = as_client(world.connector, None)
    assert unnamed.get(STREAMS).status_code == 403
    assert "client" in unnamed.get(STREAMS).json()["description"]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"delivery": {"method": "https://schemas.openid.net/secevent/risc/delivery-method/push"}}, "delivery.method"),
        ({"delivery": {"method": PUSH}}, "endpoint_url"),
        ({"delivery": None}, "delivery"),
        ({"delivery": ELSEWHERE | {"endpoint_url": "http://example.com/events"}}, "endpoint_url"),
        ({"delivery": ELSEWHERE | {"endpoint_url": "https://internal.example/events"}}, "allowed_notice_hosts"),
        ({"delivery": ELSEWHERE | {"endpoint_url": "https://user:pass@example.com/"}}, "endpoint_url"),
        ({"delivery": ELSEWHERE | {"endpoint_url": "https://b\u00fccher.example/"}}, "endpoint_url"),
        ({"delivery": ELSEWHERE | {"endpoint_url": f"https://example.com/{'x' * 2000}"}}, "endpoint_url"),
        ({"delivery": ELSEWHERE | {"authorization_header": "a\r\nX-Other: b"}}, "authorization_header"),
        ({"delivery": ELSEWHERE | {"authorization_header": "x" * 4097}}, "authorization_header"),
        ({"delivery": {"method": POLL, "authorization_header": "Bearer x"}}, "authorization_header"),
        ({"events_requested": ["x"] * 101}, "events_requested"),
        ({"events_requested": "x"}, "events_requested"),
        ({"description": "x" * 256}, "description"),
        ({"description": "a\u2028b"}, "description"),
        ([], "must"),
    ],
    ids=str,
)
def test_an_invalid_stream_is_refused(world: World, body: Any, named: str) -> None:
    answer = as_client(world.connector).post(STREAMS, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60002")
    assert named in str(answer.json()["description"]) or body == []
    assert "pass@" not in answer.text


@pytest.mark.one_database
def test_a_change_of_members_set_by_the_transmitter_is_refused(receiver: Receiver) -> None:
    for name, value in {"iss": "https://other", "aud": ["app"], "min_verification_interval": 1}.items():
        for method in ("PATCH", "PUT"):
            answer = receiver.caller.request(method, STREAMS, json={"stream_id": receiver.stream_id, name: value})
            assert answer.status_code == 400
            assert name in answer.json()["description"]
    for method in ("PATCH", "PUT"):
        assert receiver.caller.request(method, STREAMS, json={}).status_code == 400
        assert receiver.caller.request(method, STREAMS, json={"stream_id": UNKNOWN_ID}).status_code == 404
    for query in ("", "?stream_id=%00", f"?stream_id={'x' * 300}"):
        for answer in (receiver.caller.request("DELETE", STREAMS + query), receiver.caller.get(STATUS + query)):
            assert answer.status_code == 400
            assert "stream_id" in answer.json()["description"]
    assert receiver.caller.get(f"{STREAMS}?stream_id=%00").status_code == 400
    assert receiver.caller.post("/ssf/poll/%00", {}).status_code in (400, 404)


@pytest.mark.one_database
def test_the_number_of_a_receivers_streams_is_limited(world: World) -> None:
    app, other = as_client(world.connector), as_client(world.connector, "other")
    for _ in range(MAX_STREAMS):
        connect(app)
    answer = app.post(STREAMS, {})
    assert (answer.status_code, answer.json()["code"]) == (409, "IDVP-60102")
    for each in range(9):
        client = as_client(world.connector, f"client-{each}")
        for _ in range(MAX_STREAMS):
            connect(client)
    answer = other.post(STREAMS, {})
    assert (answer.status_code, answer.json()["code"]) == (409, "IDVP-60102")


@pytest.mark.one_database
@pytest.mark.parametrize(
    "subject",
    [
        {"format": "email", "email": "ann@example.com"},
        {"format": "phone_number", "phone_number": "+4930"},
        {"format": "iss_sub", "iss": "https://other.example", "sub": "ann"},
        {"format": "iss_sub", "sub": "ann"},
        {"format": "opaque"},
        {"format": "opaque", "id": ""},
        {"format": "opaque", "id": "x" * 256},
        {"format": "opaque", "id": "a\u0000"},
        {"format": "opaque", "id": 7},
        {"user": {"format": "opaque", "id": "ann"}},
        {},
    ],
    ids=str,
)
def test_a_subject_that_does_not_name_a_user_is_refused(receiver: Receiver, subject: Any) -> None:
    for path in ("add", "remove"):
        body = {"stream_id": receiver.stream_id, "subject": subject}
        answer = receiver.caller.post(f"/ssf/subjects/{path}", body)
        assert answer.status_code == 400, answer.text
        assert "ann@example.com" not in answer.text


@pytest.mark.one_database
def test_the_number_of_a_streams_subjects_is_limited(world: World, receiver: Receiver) -> None:
    with world.connector.services.database.write() as connection:
        common = {"stream_id": receiver.stream_id, "tenant": world.tenant, "is_included": False}
        rows = [common | {"user_id": f"user-{number}"} for number in range(MAX_SUBJECTS)]
        connection.execute(signal_subjects.insert(), rows)
    body = {"stream_id": receiver.stream_id, "subject": {"format": "opaque", "id": "one-more"}}
    assert receiver.caller.post("/ssf/subjects/remove", body).status_code == 409
    assert receiver.caller.post("/ssf/subjects/add", body).status_code == 200, "as it is anyway"


def test_changes_by_receivers_are_in_the_audit_trail(world: World, receiver: Receiver) -> None:
    receiver.caller.request("PATCH", STREAMS, json={"stream_id": receiver.stream_id, "delivery": ELSEWHERE})
    receiver.status("paused", reason="holidays")
    receiver.caller.request("DELETE", STREAMS, params={"stream_id": receiver.stream_id})
    admin = world.connector.as_admin(scopes=["internal_idv_audit_view"])
    entries = admin.get("/api/server/v1/audit", params={"subject": "stream"}).json()["entries"]
    assert [each["to"] for each in entries] == ["removed", "paused", "changed", "added"]
    assert {"property": "authorization_header", "from": None, "to": "set"} in entries[2]["changes"]
    assert "secret-of-app" not in str(entries)
    assert {each["name"] for each in entries} == {receiver.stream_id}


@pytest.mark.one_database
def test_no_level_is_signalled_without_a_namespace(settings: Settings) -> None:
    assert Settings(data_dir=settings.data_dir).signals.choice.events == ()


@pytest.mark.one_database
def test_removals_waiting_for_events_in_flight_occupy_only_their_share_of_threads(world: World) -> None:
    receiver = connect(as_client(world.connector))
    query = {"stream_id": receiver.stream_id}
    shares.install(world.connector.app, 4)
    try:
        with world.connector.app.test_request_context(STREAMS):
            g.tenant = Tenant(world.tenant)
            ends = [shares.begin(Lasting.ONFIDO, None) for _ in range(2)]
        refused = receiver.caller.request("DELETE", STREAMS, params=query)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert receiver.caller.get(f"{STREAMS}?stream_id={receiver.stream_id}").status_code == 200
        for end in ends:
            end()
        assert receiver.caller.request("DELETE", STREAMS, params=query).status_code == 204
    finally:
        del world.connector.app.extensions[shares.EXTENSION]
