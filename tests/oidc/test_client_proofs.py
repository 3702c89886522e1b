"""The authentication of clients at the OpenID provider: all valid forms are accepted, and forgeries refused."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any
from urllib.parse import quote

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.harness import World
from tests.oidc.relying_party import REDIRECT_URI, Pushed, RelyingParty, register
from tests.oidc.test_tokens import ASSERTION_TYPE, approved

pytestmark = pytest.mark.one_database

KEY = ECKey.generate_key("P-256")


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world)


def encoded(text: str) -> str:
    """Encode a text as strict clients encode each part of Basic credentials (RFC 6749, 2.3.1)."""
    return quote(text, safe="").replace("-", "%2D").replace("_", "%5F").replace(".", "%2E")


def test_basic_credentials_are_read_in_their_encoding(party: RelyingParty) -> None:
    parameters = party.parameters(client_secret=None)[0]
    both = (party.client_id, party.secret), (encoded(party.client_id), encoded(party.secret))
    for user, secret in both:
        assert party.post("/oauth2/par", parameters, auth=(user, secret)).status_code == 201


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic ", "Basic !!!", "Basic eA==", "Basic /w==", "Basic /zo=", "Bearer x", "basic Og==", "x" * 4000],
)
def test_unreadable_credentials_are_refused(party: RelyingParty, header: str) -> None:
    parameters = party.parameters(client_secret=None)[0]
    for path in ("/oauth2/par", "/oauth2/token"):
        answer = party.post(path, parameters | {"grant_type": "authorization_code"}, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text


def test_a_client_cannot_push_or_redeem_for_another(world: World, party: RelyingParty) -> None:
    other = register(world, name="Other")
    as_other = (other.client_id, other.secret)
    refused = party.post("/oauth2/par", party.parameters(client_secret=None)[0], auth=as_other)
    assert refused.status_code in (400, 401)
    pushed = party.push()
    code = approved(world, party, pushed)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": pushed.verifier}
    form |= {"redirect_uri": REDIRECT_URI, "client_id": party.client_id}
    assert party.post("/oauth2/token", form, auth=as_other).status_code in (400, 401)
    repeated = [*form.items(), ("client_secret", party.secret), ("code", code)]
    assert party.post("/oauth2/token", repeated).json()["error"] == "invalid_request"
    assert party.exchange(pushed, code).status_code == 200


@pytest.fixture
def keyed(world: World) -> RelyingParty:
    return register(world, keys=(KEY.as_dict(private=False),))


def assertion(party: RelyingParty, key: Any = KEY, algorithm: str = "ES256", header: Any = None, **changes: Any) -> str:
    now = int(party.world.clock().timestamp())
    given = {"iss": party.client_id, "sub": party.client_id, "aud": party.base, "jti": str(uuid.uuid4())}
    claims = {name: value for name, value in {**given, "iat": now, "exp": now + 60, **changes}.items() if value != ""}
    return jwt.encode({"alg": algorithm} | (header or {}), claims, key, algorithms=[algorithm])


def segment(content: dict[str, Any]) -> str:
    """Return a JWT header in a form that no library writes."""
    text = json.dumps({"alg": "ES256"} | content)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def push_with(party: RelyingParty, proof: str, **changes: Any) -> requests.Response:
    parameters = party.parameters(client_secret=None, **changes)[0]
    return party.post("/oauth2/par", parameters | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof})


def test_an_assertion_may_name_several_audiences_and_more(keyed: RelyingParty) -> None:
    for changes in (
        {"aud": [keyed.base]},
        {"aud": ["https://elsewhere.example", f"{keyed.base}/oauth2/token"]},
        {"aud": f"{keyed.base}/oauth2/par"},
        {"nbf": int(time.time()) - 5},
        {"exp": int(time.time()) + 3500},
        {"exp": time.time() + 60.5},
        {"header": {"typ": "JWT"}},
        {"iat": ""},
    ):
        answer = push_with(keyed, assertion(keyed, **changes))
        assert answer.status_code == 201, (changes, answer.text)
    assert push_with(keyed, assertion(keyed), client_id=None).status_code == 201, "it names the client"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": []},
        {"aud": [""]},
        {"aud": {"x": 1}},
        {"aud": ""},
        {"aud": "https://elsewhere.example"},
        {"exp": ""},
        {"exp": "soon"},
        {"exp": 10**30},
        {"exp": -1},
        {"exp": [1]},
        {"exp": True},
        {"nbf": 4_000_000_000},
        {"jti": ["x"]},
        {"sub": ["x"]},
        {"sub": ""},
        {"iss": ""},
        {"iat": "yesterday"},
        {"header": {"kid": "unknown"}},
    ],
    ids=str,
)
def test_an_invalid_assertion_is_refused(keyed: RelyingParty, changes: dict[str, Any]) -> None:
    answer = push_with(keyed, assertion(keyed, **changes))
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error"] in ("invalid_client", "invalid_request")


def test_an_assertion_cannot_be_forged(world: World, keyed: RelyingParty) -> None:
    public = json.dumps(KEY.as_dict(private=False)).encode()
    head, body, _ = assertion(keyed).split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    forged = [
        assertion(keyed, OctKey.import_key(public), "HS256"),
        f"{unsigned}.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}",
        "x.y.z",
        ".",
        "ü.ü.ü",
        *(
            f"{segment(given)}.{body}.{'x' * 86}"
            for given in ({"kid": 7}, {"crit": ["x"], "x": 1}, {"alg": 7}, {"alg": None})
        ),
        "x" * 1999,
    ]
    for proof in forged:
        answer = push_with(keyed, proof)
        assert answer.status_code in (400, 401), (proof, answer.text)
        assert answer.json()["error"] in ("invalid_client", "invalid_request")
    other = register(world, name="Other", keys=(KEY.as_dict(private=False),))
    answer = push_with(keyed, assertion(other), client_id=keyed.client_id)
    assert answer.status_code in (400, 401)
    wrong_type = keyed.parameters(client_secret=None)[0] | {
        "client_assertion_type": "urn:x",
        "client_assertion": assertion(keyed),
    }
    assert keyed.post("/oauth2/par", wrong_type).json()["error"] == "invalid_client"


def test_an_assertion_used_for_a_push_cannot_be_used_again_for_the_token(world: World, keyed: RelyingParty) -> None:
    parameters, verifier = keyed.parameters(client_secret=None)
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(keyed)}
    pushed = Pushed(
        keyed.post("/oauth2/par", parameters | proof).json()["request_uri"], parameters["state"], "", verifier
    )
    code = approved(world, keyed, pushed)
    again = keyed.exchange(pushed, code, client_secret=None, **proof)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_client")
    proof["client_assertion"] = assertion(keyed)
    assert keyed.exchange(pushed, code, client_secret=None, **proof).status_code == 200
