"""Any input is answered with a success or a 4xx, never with a 5xx, and never with internal details."""

from __future__ import annotations

import copy
import dataclasses
import functools
import http.client
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.bodies import event_body, provider_body, sign
from tests.contract.wire import (
    ALL_SCOPES,
    OPENID_CLIENTS,
    OPERATIONS,
    PERSON,
    PROVIDERS,
    UNKNOWN_ID,
    USERS,
    WEBHOOK,
    WEBHOOK_TOKEN,
    Operation,
    add_claim,
    answer_on,
    assert_discreet,
    assert_error,
    entry,
    new_provider,
    new_user,
    on_sqlite,
)
from tests.harness import World, verified
from tests.values import GIVEN_NAME, LAST_NAME

DEEP = b"[" * 20_000
DEEP_OBJECT = b'{"a":' * 10_000
NOT_JSON = {
    "nothing": b"",
    "truncated": b'{"type": "ONFIDO", "name',
    "half a string": b'"',
    "two documents": b"{} {}",
    "trailing comma": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"isEnabled": NaN}',
    "infinity": b"[Infinity, -Infinity]",
    "raw NUL": b'{"name": "\0"}',
    "deep": DEEP,
    "deep and closed": DEEP + b"]" * 20_000,
    "deep objects": DEEP_OBJECT,
    "endless number": b"9" * 10_000,
    "form": b"type=ONFIDO&name=x&isEnabled=true",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
}
WRONG_SHAPES = (b"null", b"true", b"0", b"-1e999", b'"text"', b"[]", b"{}", b"[[]]", b"[{}]", b"[null]", b"[1, {}]")
RIGHT_FOR: dict[bytes, tuple[str, ...]] = {b"[]": ("/claims",), b"{}": ("/rotate-secret", "/verifications-csv")}

FOR_DATABASES = ("\0", "a\udc00", "\uffff", "'; DROP TABLE providers; --")  # texts that a database may refuse
NASTY = ("\0", "a\udc00", "\x1b[2J", "\uffff", "\r\nX: y", "", "%00", "'; DROP TABLE providers; --", "x" * 9000)
WRONG_TYPES: tuple[Any, ...] = (None, True, 2**63, 10**400, [], {}, [None], {"a": {"b": []}}, ["x"] * 2000)


@dataclasses.dataclass(frozen=True)
class Ask:
    """One session as a caller that may do anything."""

    world: World
    session: requests.Session
    provider_id: str
    user_id: str
    claim_id: str

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.world.connector.url + path, timeout=60, **options)

    def operate(self, operation: Operation, **options: Any) -> requests.Response:
        is_deletion = operation.method == "DELETE"  # of nothing: the ids are needed again
        path = (
            operation.path_for() if is_deletion else operation.path_for(self.provider_id, self.user_id, self.claim_id)
        )
        return self(operation.method, path, **options)


@pytest.fixture(scope="module")
def ask(shared: World) -> Iterator[Ask]:
    user_id, _ = new_user(shared)
    claim_id = add_claim(shared, user_id)
    caller = shared.connector.caller(user_id, ALL_SCOPES)
    with requests.Session() as session:
        session.headers.update(caller.headers)
        yield Ask(shared, session, new_provider(shared), user_id, claim_id)


WITH_BODY = [each for each in OPERATIONS if each.method in ("POST", "PUT") and each.takes_body]
BODIES: dict[str, Any] = {  # one operation of each kind of body
    f"PUT {PROVIDERS}/{{provider_id}}": {
        "type": "ONFIDO",
        "name": "Onfido",
        "description": "text",
        "image": "text",
        "isEnabled": True,
        "claims": [
            {"localClaim": GIVEN_NAME, "idvpClaim": "first_name"},
            {"localClaim": LAST_NAME, "idvpClaim": "last_name"},
        ],
        "configProperties": [
            {"key": "token", "value": "api_sandbox.x", "isSecret": True},
            {"key": "workflow_id", "value": UNKNOWN_ID, "isSecret": False},
            {"key": "base_url", "value": "http://127.0.0.1:1/v3.6", "isSecret": False},
        ],
    },
    f"POST {USERS}/{{user_id}}/idv/verify": {
        "idVProviderId": UNKNOWN_ID,
        "claims": [GIVEN_NAME],
        "properties": [{"key": "status", "value": "COMPLETED"}],
    },
    f"POST {USERS}/{{user_id}}/idv/claims": [
        entry(UNKNOWN_ID, claimMetadata={"key": "text", "nested": {"list": ["text"]}})
    ],
    f"PUT {USERS}/{{user_id}}/idv/claims/{{claim_id}}": {
        "isVerified": True,
        "claimMetadata": {"key": "text", "nested": ["x"]},
    },
    f"POST {OPENID_CLIENTS}": {
        "name": "text",
        "profile": "ida",
        "idVProviderId": UNKNOWN_ID,
        "redirectUris": ["https://application.example/callback"],
        "claims": ["given_name"],
        "keys": [{"kty": "EC", "crv": "P-256", "x": "x" * 43, "y": "y" * 43, "key_ops": ["verify"]}],
        "isEnabled": True,
    },
}
MUTABLE = [operation for operation in OPERATIONS if str(operation) in BODIES]


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every value in a JSON document, the document first."""
    yield path
    members = document.items() if isinstance(document, dict) else ()
    for key, value in enumerate(document) if isinstance(document, list) else members:
        yield from places(value, (*path, key))


def opened(document: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    """Copy a JSON document; return the copy, and in it the container of the value at `path`."""
    changed = copy.deepcopy(document)
    return changed, functools.reduce(lambda node, key: node[key], path[:-1], changed)


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Copy a JSON document with another value at one place."""
    if not path:
        return value
    changed, holder = opened(document, path)
    holder[path[-1]] = value
    return changed


def without(document: Any, path: tuple[Any, ...]) -> Any:
    """Copy a JSON document without the value at one place."""
    changed, holder = opened(document, path)
    del holder[path[-1]]
    return changed


def example(operation: Operation, ask: Ask) -> Any:
    """Return a body that the operation takes."""
    return json.loads(json.dumps(BODIES[str(operation)]).replace(UNKNOWN_ID, ask.provider_id))


def is_calm(answer: requests.Response) -> bool:
    """Whether an answer is not a 5xx and, if it is an error, has the common body of errors."""
    if answer.status_code < 400:
        if not (answer.request.path_url or "").endswith("/verified-claims"):  # whose purpose is to pass on values
            assert_discreet(answer.text)
        return True
    if answer.status_code < 500:
        assert_error(answer, answer.status_code)
    return answer.status_code < 500


# Bodies


@pytest.mark.parametrize("operation", MUTABLE, ids=str)
def test_the_unmodified_example_body_is_accepted(ask: Ask, operation: Operation) -> None:
    user_id, _ = new_user(ask.world)
    fresh = dataclasses.replace(ask, user_id=user_id if operation.method == "POST" else ask.user_id)

    answer = fresh.operate(operation, json=example(operation, ask))

    assert answer.status_code in (200, 201) or answer.json()["code"] == "OIDV-10014", answer.text


@on_sqlite
@pytest.mark.parametrize("kind", NOT_JSON)
@pytest.mark.parametrize("operation", MUTABLE, ids=str)
def test_a_body_that_is_not_json_is_refused(ask: Ask, operation: Operation, kind: str) -> None:
    answer = ask.operate(operation, data=NOT_JSON[kind], headers={"Content-Type": "application/json"})

    assert_error(answer, 400, "IDVP-60002" if operation.path.startswith("/api/server/") else "IDV-10005")


@on_sqlite
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_json_of_another_shape_is_refused(ask: Ask, operation: Operation) -> None:
    for body in WRONG_SHAPES:
        if not operation.path.endswith(RIGHT_FOR.get(body, ())):
            assert_error(ask.operate(operation, data=body), 400)


@on_sqlite
@pytest.mark.parametrize("operation", MUTABLE, ids=str)
def test_a_wrong_type_anywhere_in_a_body_causes_no_server_error(ask: Ask, operation: Operation) -> None:
    body = example(operation, ask)
    troubles = [
        (path, value, answer.status_code)
        for path in places(body)
        for value in WRONG_TYPES
        if not is_calm(answer := ask.operate(operation, data=json.dumps(replaced(body, path, value))))
    ]

    assert troubles == []


@pytest.mark.parametrize("operation", MUTABLE, ids=str)
def test_hostile_text_anywhere_in_a_body_causes_no_server_error(
    ask: Ask, operation: Operation, database_kind: str
) -> None:
    body = example(operation, ask)
    troubles = [
        (path, text[:20], answer.status_code)
        for path in places(body)
        for text in (NASTY if database_kind == "sqlite" else FOR_DATABASES)
        if path and not is_calm(answer := ask.operate(operation, data=json.dumps(replaced(body, path, text))))
    ]

    assert troubles == []


@on_sqlite
@pytest.mark.parametrize("operation", MUTABLE, ids=str)
def test_absent_and_unknown_members_cause_no_server_error(ask: Ask, operation: Operation) -> None:
    body = example(operation, ask)
    changed = [without(body, path) for path in places(body) if path]
    whole = (0,) if isinstance(body, list) else ()
    members = body[0] if isinstance(body, list) else body
    changed += [replaced(body, whole, members | {text: text}) for text in NASTY]

    assert [each for each in changed if not is_calm(ask.operate(operation, data=json.dumps(each)))] == []


def test_hostile_keys_and_values_in_metadata_cause_no_server_error(ask: Ask) -> None:
    path = f"{USERS}/{ask.user_id}/idv/claims/{ask.claim_id}"
    for text in NASTY:
        metadata = {text: 1, "key": text, "nested": {text: [text, [{"a": text}]]}}
        assert is_calm(ask("PUT", path, data=json.dumps({"isVerified": True, "claimMetadata": metadata}))), text
        assert is_calm(ask("GET", path)), text


@pytest.mark.parametrize(
    "body",
    [
        b'{"isVerified": true, "isVerified": "no", "claimMetadata": {}, "claimMetadata": 5}',
        b'{"isVerified": true, "isVerified": false, "claimMetadata": {}}',
        b'{"isVerified": true, "claimMetadata": {"key": [{"a": 1, "\\u0061": 2}]}}',
    ],
)
@pytest.mark.one_database
def test_a_duplicate_member_is_refused_and_changes_nothing(ask: Ask, body: bytes) -> None:
    path = f"{USERS}/{ask.user_id}/idv/claims/{ask.claim_id}"
    before = answer_on(ask("GET", path), 200)

    assert_error(ask("PUT", path, data=body), 400, "IDV-10005", "twice")

    assert answer_on(ask("GET", path), 200) == before


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=8), inner)
    ),
    max_leaves=12,
)


@given(data=st.data())
@hypothesis_settings(max_examples=60)
def test_any_json_anywhere_in_a_body_causes_no_server_error(ask: Ask, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(MUTABLE))
    body = example(operation, ask)
    path = data.draw(st.sampled_from(list(places(body))))

    assert is_calm(ask.operate(operation, data=json.dumps(replaced(body, path, data.draw(json_values)))))


@on_sqlite
@given(operation=st.sampled_from([each for each in OPERATIONS if each.takes_body]), body=st.binary(max_size=200))
@hypothesis_settings(max_examples=40)
def test_any_bytes_as_a_body_cause_no_server_error(ask: Ask, operation: Operation, body: bytes) -> None:
    assert is_calm(ask.operate(operation, data=body))


@on_sqlite
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/xml", "x", ""]
)
def test_form_body_is_refused_with_any_content_type(ask: Ask, content_type: str) -> None:
    answer = ask("POST", PROVIDERS, data=b"type=ONFIDO&name=x", headers={"Content-Type": content_type})

    assert_error(answer, 400, "IDVP-60002")


@on_sqlite
def test_form_with_files_is_refused(ask: Ask) -> None:
    assert_error(ask("POST", PROVIDERS, files={"file": b"x"}, data={"type": "ONFIDO"}), 400, "IDVP-60002")


# Size


def too_long() -> Iterator[bytes]:
    """Yield two MiB in chunks, so that no length is announced."""
    for _ in range(32):
        yield b" " * 65_536


@on_sqlite
def test_body_of_two_mebibytes_is_refused(ask: Ask) -> None:
    for operation in WITH_BODY:
        assert_error(ask.operate(operation, data=b" " * 2 * 1024 * 1024), 413)
        assert_error(ask.operate(operation, data=too_long()), 413)


@on_sqlite
def test_an_api_body_is_limited_to_64_kibibytes(ask: Ask) -> None:
    for operation in WITH_BODY:
        assert_error(ask.operate(operation, data=b"[" + b" " * 65_535), 400)
        assert_error(ask.operate(operation, data=b"[" + b" " * 65_536), 413, "HTTP-413", "64 KiB")


LISTS: dict[str, list[tuple[str, ...]]] = {
    f"PUT {PROVIDERS}/{{provider_id}}": [
        ("claims",),
        ("configProperties",),
        ("studio", "tags"),
        ("studio", "customData"),
        ("studio", "outputClaims"),
        ("studio", "link", "redirectUrls"),
        ("studio", "notices", "tasks"),
    ],
    f"POST {USERS}/{{user_id}}/idv/verify": [("claims",), ("properties",)],
    f"POST {USERS}/{{user_id}}/idv/claims": [()],
    f"PUT {USERS}/{{user_id}}/idv/claims": [()],
    f"POST {OPENID_CLIENTS}": [("redirectUris",), ("claims",), ("keys",)],
}


@on_sqlite
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if str(each) in LISTS], ids=str)
def test_no_element_of_an_oversized_list_is_validated(ask: Ask, operation: Operation) -> None:
    for path in LISTS[str(operation)]:
        body: Any = [{}] * 10_000
        for key in reversed(path):
            body = {key: body}
        description = assert_error(ask.operate(operation, json=body), 400, None, "must have at most ", " elements")
        told = [each for each in description.split("; ") if each.startswith(".".join(path) or "body")]
        assert len(told) == 1, told


@on_sqlite
def test_every_list_in_a_request_has_a_maximum_length(ask: Ask) -> None:
    document = ask("GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]
    sent = ["ProviderRequest", "VerifyRequest", "ClaimRequest", "ClaimUpdate", "Decision", "ClientRequest"]
    unbounded: list[str] = []
    for name in sent:  # grows
        for key, field in schemas[name]["properties"].items():
            references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(field))
            sent += [each for each in references if each not in sent]
            if field.get("type") == "array" and field.get("maxItems", 1_000) > 100:
                unbounded.append(f"{name}.{key}")
    assert unbounded == []
    assert "Link" in sent


@on_sqlite
def test_oversized_metadata_is_refused_before_its_members_are_read(ask: Ask) -> None:
    body = [entry(UNKNOWN_ID, claimMetadata={f"{number:09}" * 30: "" for number in range(100)})]
    answer = ask.operate(
        next(each for each in OPERATIONS if str(each) == f"POST {USERS}/{{user_id}}/idv/claims"), json=body
    )
    description = assert_error(answer, 400, "IDV-10005", "0.claimMetadata: must have at most 8192 characters as JSON")
    assert description.count("must") == 1


@on_sqlite
def test_an_event_of_one_mebibyte_is_read(shared: World) -> None:
    assert_error(shared.post_event(b" " * 1024 * 1024), 400, "OIDV-60007")
    assert_error(shared.post_event(b" " * 1024 * 1024 + b" "), 413, "OIDV-60008")


@on_sqlite
def test_an_event_of_two_mebibytes_is_refused_before_its_signature_is_checked(shared: World) -> None:
    url = shared.connector.url + WEBHOOK.format(provider_id=shared.provider_id)

    assert_error(requests.post(url, data=b" " * 2 * 1024 * 1024, timeout=60), 413, "OIDV-60008")
    assert_error(requests.post(url, data=too_long(), timeout=60), 413, "OIDV-60008")


@on_sqlite
def test_a_chunked_body_within_the_limit_is_read(ask: Ask) -> None:
    body = {"isVerified": True, "claimMetadata": {}}
    chunks = (bytes([byte]) for byte in json.dumps(body).encode())

    answer = ask("PUT", f"{USERS}/{ask.user_id}/idv/claims/{ask.claim_id}", data=chunks)

    assert answer_on(answer, 200)["isVerified"]


@on_sqlite
def test_the_server_continues_after_an_oversized_body(ask: Ask) -> None:
    for _ in range(3):
        ask("POST", PROVIDERS, data=b" " * 2 * 1024 * 1024)
        assert ask("GET", PROVIDERS).status_code == 200


# Paths


@pytest.mark.parametrize(
    "segment",
    [
        *("%00", "a%00b", "%0a", "%0d%0aX-Y:z", "%1b", "%7f", "%ff", "%ed%a0%80", "%c0%af", "%", "%zz", "%25"),
        *("..", "%2e%2e", "..%2f..%2f..%2fetc%2fpasswd", "%2f", "%5c", ";", ";a=b", "'", "%22", "%3Cscript%3E", "*"),
        *("%E2%80%AE", "%F0%9F%AA%AA", "x" * 255, "x" * 256, "x" * 5000, quote("身" * 85), quote("身" * 255)),
    ],
)
def test_a_malformed_id_is_not_found(ask: Ask, segment: str) -> None:
    body = json.dumps({"isVerified": True, "claimMetadata": {}})
    paths = (
        ("GET", f"{PROVIDERS}/{segment}"),
        ("DELETE", f"{PROVIDERS}/{segment}"),
        ("GET", f"{USERS}/{segment}/idv/claims"),
        ("GET", f"{USERS}/{ask.user_id}/idv/claims/{segment}"),
        ("PUT", f"{USERS}/{ask.user_id}/idv/claims/{segment}"),
        ("POST", f"/idv/onfido/v1/{segment}/verify"),
    )
    for method, path in paths:
        answer = raw(ask, method, path, body)
        assert answer.status in (400, 404), (method, path, answer.status)
        assert_discreet(answer.text)
        assert set(json.loads(answer.text)) == {"code", "message", "description", "traceId"}


@pytest.mark.parametrize("name", ["idVProviderId", "filter", "limit", "offset"])
def test_a_hostile_query_causes_no_server_error(ask: Ask, name: str) -> None:
    path = f"{USERS}/{ask.user_id}/idv/claims" if name == "idVProviderId" else PROVIDERS
    texts = [quote(text.encode("utf-8", "surrogatepass")) for text in NASTY]
    texts += ["%ff", "%ed%a0%80", "%", "%zz", "a&" + name + "=b", "1" * 5000, 'name%20eq%20"%00"', "name%20eq%20%ff"]

    assert [text for text in texts if raw(ask, "GET", f"{path}?{name}={text}").status >= 500] == []


@pytest.mark.parametrize(
    "user_id", ["ann smith", "ann+work@example.com", "änn-身-🪪", "ann%2Fsmith", "a'b\"c", "A&b=c;d", "~._-"]
)
def test_an_unusual_user_id_is_the_same_user_by_path_and_by_token(shared: World, user_id: str) -> None:
    me, admin = shared.add_user(user_id, PERSON), shared.connector.as_admin()
    path = f"{USERS}/{quote(user_id, safe='')}/idv/claims"
    run_id = shared.start(me, [GIVEN_NAME])
    shared.post_event(event_body(run_id, comparisons={"first_name": "clear"}))

    by_path = answer_on(admin.get(path), 200)

    assert by_path == answer_on(me.get(f"{USERS}/me/idv/claims"), 200)
    assert verified({claim["uri"]: claim for claim in by_path}) == {GIVEN_NAME}
    assert answer_on(admin.get(f"{path}/{by_path[0]['id']}"), 200) == by_path[0]


def test_a_slash_in_a_user_id_leads_to_no_other_user(shared: World) -> None:
    me = shared.add_user("realm/ann", PERSON)
    shared.start(me, [GIVEN_NAME])
    for part in ("realm", "ann"):
        shared.add_user(part, PERSON)

    answer = shared.connector.as_admin().get(f"{USERS}/realm%2Fann/idv/claims")

    assert {claim["uri"] for claim in answer.json()} == set(me.claims()) == {GIVEN_NAME}
    for part in ("realm", "ann"):
        assert shared.connector.as_admin().claims(part) == {}


def test_user_ids_are_distinguished_by_case_and_by_form(shared: World) -> None:
    ids = ["Zoe", "zoe", "Zoe ", "Zoé", "Zoe\N{COMBINING ACUTE ACCENT}"]  # the last two look the same
    callers = [shared.add_user(user_id, PERSON) for user_id in ids]

    shared.start(callers[0], [GIVEN_NAME])

    assert [len(caller.claims()) for caller in callers] == [1, 0, 0, 0, 0]


# Methods and routes


@on_sqlite
@pytest.mark.parametrize("method", ["PATCH", "TRACE", "PROPFIND", "DELETE", "PUT", "POST", "FOO"])
def test_an_unsupported_method_is_refused(ask: Ask, method: str) -> None:
    known = {path for operation in OPERATIONS if "/me/" not in (path := operation.path_for())}
    for path in sorted(known):
        methods = {operation.method for operation in OPERATIONS if operation.is_at(path)}
        if method not in methods:
            answer = ask(method, path)
            assert_error(answer, 405)
            assert methods <= set(answer.headers["Allow"].replace(" ", "").split(","))


@on_sqlite
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_operations_routes_are_read_only(ask: Ask, path: str) -> None:
    assert_error(ask("POST", path, data=DEEP), 405)


@on_sqlite
@pytest.mark.parametrize("path", ["/api", "/api/server/v1", "/.env", "/static/x", "/nothing//", "/t", "/t/"])
def test_an_unknown_route_is_not_found(ask: Ask, path: str) -> None:
    answer = raw(ask, "GET", path)

    assert answer.status == 404
    assert set(json.loads(answer.text)) == {"code", "message", "description", "traceId"}


@on_sqlite
def test_head_is_get_without_a_body(ask: Ask) -> None:
    for path in (PROVIDERS, f"{USERS}/me/idv/claims", "/healthz", "/readyz", "/openapi.json"):
        answer = ask("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")
    missing = ask("HEAD", f"{PROVIDERS}/{UNKNOWN_ID}")
    assert (missing.status_code, missing.content) == (404, b"")
    assert requests.head(ask.world.connector.url + PROVIDERS, timeout=60).status_code == 401


@on_sqlite
def test_options_returns_only_the_methods(ask: Ask) -> None:
    for operation in OPERATIONS:
        answer = requests.options(ask.world.connector.url + operation.path_for(), timeout=60)
        assert (answer.status_code, answer.content) == (200, b"")
        assert operation.method in answer.headers["Allow"]


# Headers


@dataclasses.dataclass(frozen=True)
class RawAnswer:
    """An answer that was read from a bare connection."""

    status: int
    text: str


def raw(
    ask: Ask, method: str, target: str, body: str | bytes = b"", headers: tuple[tuple[str, str | bytes], ...] = ()
) -> RawAnswer:
    """Send a request byte by byte as written; requests and urllib3 would normalize it."""
    content = body.encode() if isinstance(body, str) else body
    connection = http.client.HTTPConnection(urlsplit(ask.world.connector.url).netloc, timeout=60)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.putheader("Authorization", str(ask.session.headers["Authorization"]))
        connection.putheader("Content-Length", str(len(content)))
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        return RawAnswer(answer.status, answer.read().decode())
    finally:
        connection.close()


SIGNED = event_body("run-of-another")
RIGHT = sign(SIGNED, WEBHOOK_TOKEN)


@on_sqlite
@pytest.mark.parametrize(
    "signatures",
    [
        [],
        [b""],
        [b" "],
        [RIGHT.encode(), RIGHT.encode()],
        [RIGHT.encode(), b"0" * 64],
        [b"0" * 64, RIGHT.encode()],
        [RIGHT.encode() + b", " + RIGHT.encode()],
        [b"sha256=" + RIGHT.encode()],
        [RIGHT.upper().encode()],
        [RIGHT.encode()[:-1]],
        [RIGHT.encode() + b"0"],
        ["é".encode("latin-1") * 64],
        ["身".encode() * 20],
        [b"\xff" * 64],
        [b"\x00" * 64],
        [b"0" * 8000],
    ],
    ids=lambda signatures: b"|".join(signatures)[:24].decode("latin-1").encode("unicode_escape").decode() or "none",
)
def test_only_the_exact_signature_header_is_accepted(ask: Ask, signatures: list[bytes]) -> None:
    path = WEBHOOK.format(provider_id=ask.world.provider_id)

    answer = raw(ask, "POST", path, SIGNED, tuple(("X-SHA2-Signature", value) for value in signatures))

    assert answer.status == 401
    assert json.loads(answer.text)["code"] == "OIDV-60002"


@on_sqlite
def test_the_signature_covers_the_raw_bytes(ask: Ask) -> None:
    path = WEBHOOK.format(provider_id=ask.world.provider_id)
    headers = (("X-SHA2-Signature", RIGHT.encode()), ("Content-Encoding", b"gzip"), ("Content-Type", b"text/plain"))

    assert raw(ask, "POST", path, SIGNED, headers).status == 200
    assert raw(ask, "POST", path, SIGNED + b" ", headers).status == 401
    assert raw(ask, "POST", path, SIGNED.replace(b": ", b":"), headers).status == 401


@on_sqlite
@pytest.mark.parametrize("kind", NOT_JSON)
def test_a_signed_event_that_is_not_json_is_refused(shared: World, kind: str) -> None:
    assert_error(shared.post_event(NOT_JSON[kind]), 400, "OIDV-60007")


def test_a_signed_event_with_any_json_causes_no_server_error(shared: World) -> None:
    _, me = new_user(shared)
    event = json.loads(event_body(shared.start(me), comparisons={"first_name": "consider"}))
    values: tuple[Any, ...] = (None, 10**400, [], [{}], {"": None}, "\0", "\ud800", "x" * 300)
    troubles = [
        (path, value, answer.status_code)
        for path in places(event)
        for value in values
        if path and not is_calm_event(answer := shared.post_event(json.dumps(replaced(event, path, value)).encode()))
    ]

    assert troubles == []
    assert verified(me.claims()) == set()


def is_calm_event(answer: requests.Response) -> bool:
    """Whether an event was accepted or refused properly, without a server error."""
    if answer.status_code == 200:
        return True
    return answer.status_code == 400 and bool(assert_error(answer, 400, "OIDV-60007"))


@given(value=json_values)
@hypothesis_settings(max_examples=30)
def test_a_signed_event_with_any_output_is_accepted(shared: World, value: Any) -> None:
    event = event_body("run-of-another", output=value)

    assert shared.post_event(event).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "authorization",
    [
        *(b"Bearer", b"Bearer ", b"bearer x", b"Bearer a b", b"Bearer a.b.c", b"Bearer " + b"x" * 8000, b"Basic Og=="),
        *(
            b"Bearer \xff\xfe",
            "Bearer 身.身.身".encode(),
            b"Bearer " + b"." * 100,
            b"\x00",
            b"Digest x=y",
            b"Bearer e30.e30.",
        ),
    ],
)
def test_an_unsupported_authorization_header_is_challenged(shared: World, authorization: bytes) -> None:
    answer = requests.get(shared.connector.url + PROVIDERS, headers={"Authorization": authorization}, timeout=60)

    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@on_sqlite
@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "x", ""])
def test_an_answer_is_json_for_any_accept_header(ask: Ask, accept: str) -> None:
    answer = ask("GET", PROVIDERS, headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert_error(ask("GET", "/nothing", headers={"Accept": accept}), 404)


def test_a_valid_provider_body_is_accepted_after_the_refused_ones(ask: Ask) -> None:
    assert ask("POST", PROVIDERS, json=provider_body(ask.world.simulator, name="Afterwards")).status_code == 201
