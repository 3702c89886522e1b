"""The gate: accepted and refused tokens, and the issuers' keys.

A real authorization server on loopback publishes keys that rotate; a real Flask application stands behind the gate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, g, jsonify, request
from flask.views import MethodView
from flask_smorest import Blueprint
from joserfc.errors import SecurityWarning
from joserfc.jwe import encrypt_compact
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact
from werkzeug.serving import WSGIRequestHandler, make_server

from connector.access.development import check_access_configured, development_issuer, mint_token, trusted_issuers
from connector.access.gate import EXTENSION, REQUIRED_SCOPE, Access, AccessDenied, requires
from connector.access.issuer_keys import DEFAULT_WAITING
from connector.access.tokens import Principal, TrustedIssuer, TrustedIssuers, trust
from connector.domain.tenancy import Tenant
from connector.errors import ConfigurationError
from connector.settings import Issuer, load
from tests.loopback import Pausing, Quiet
from tests.waiting import GENEROUS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joserfc.jwk import KeyParameters
    from werkzeug.test import TestResponse

AUDIENCE = "https://connector.example.com"
DAY = 86_400  # seconds: longer than a run of the tests
OIDC_PATH = "/as/.well-known/openid-configuration"
RFC8414_PATH = "/.well-known/oauth-authorization-server/as"


class AuthIssuer(Pausing):
    """Serves what a test puts into `documents`, by path; `seen` counts the requests."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.statuses: dict[str, int] = {}
        self.headers: dict[str, str] = {}
        self.seen: Counter[str] = Counter()
        self.arrived = threading.Event()
        super().__init__(self._handler())
        self.identifier = f"{self.origin}/as"
        self.key: Key = ECKey.generate_key("P-256", {"kid": "first"})
        self.publish(self.key)
        self.documents[OIDC_PATH] = {"issuer": self.identifier, "jwks_uri": f"{self.origin}/jwks"}

    def publish(self, *keys: Key) -> None:
        self.documents["/jwks"] = KeySet(list(keys)).as_dict()

    def rotate(self, kid: str) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": kid})
        self.publish(self.key)

    def go_down(self) -> None:
        self.statuses = dict.fromkeys([*self.documents, RFC8414_PATH], 503)

    def come_back(self) -> None:
        self.statuses = {}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.identifier,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "shop",
            "jti": "1",
            "iat": now,
            "exp": now + 300,
            "scope": "internal_login internal_idvp_view",
        } | changes
        return {name: value for name, value in claims.items() if value is not ...}

    def mint(self, *, header: dict[str, Any] | None = None, key: Key | None = None, **changes: Any) -> str:
        """Sign a token; a claim or header parameter that is `...` is left out."""
        signing = key or self.key
        merged = {"alg": "ES256", "typ": "at+jwt", "kid": signing.kid} | (header or {})
        payload = json.dumps(self.claims(**changes)).encode()
        return sign({name: value for name, value in merged.items() if value is not ...}, payload, signing)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802  the base class's name
                issuer.seen[self.path] += 1
                issuer.arrived.set()
                issuer.answering.wait(60)
                document = issuer.documents.get(self.path)
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(issuer.statuses.get(self.path, 404 if document is None else 200))
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


class AnyAlgorithm(JWSRegistry):
    """A signer that knows every algorithm."""

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: dict[str, Any]) -> None:
        """Accept any header, also an invalid one."""


class QuietHandler(WSGIRequestHandler):
    """werkzeug's handler, without its log."""

    def log(self, *_: object) -> None:
        """Log nothing."""


def sign(header: dict[str, Any], payload: bytes, key: Key) -> str:
    return serialize_compact(header, payload, key, registry=AnyAlgorithm())


def make_key(algorithm: str) -> Key:
    parameters: KeyParameters = {"kid": algorithm}
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    if algorithm.startswith("ES"):
        return ECKey.generate_key(f"P-{algorithm[2:]}", parameters)
    return RSAKey.generate_key(2048, parameters)


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def encode(value: object) -> str:
    return b64(json.dumps(value).encode())


class Clock:
    """Time as the gate sees it when it decides whether to fetch keys."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """A real Flask application behind the gate, and how to call it."""

    def __init__(self, *issuers: Issuer, development: TrustedIssuer | None = None) -> None:
        self.clock = Clock()
        self.app = Flask(__name__)
        trusted = [*(trust(each, self.clock) for each in issuers), *([development] if development else [])]
        self.app.extensions[EXTENSION] = Access(TrustedIssuers(trusted))
        self.app.before_request(self._read_tenant)
        self.app.register_error_handler(AccessDenied, self._answer)
        self.app.add_url_rule("/view", view_func=requires("internal_idvp_view")(self._view))
        self.app.add_url_rule("/delete", view_func=requires("internal_idvp_delete")(self._view), endpoint="delete")

    def get(self, token: str | None = None, path: str = "/view", **headers: str) -> TestResponse:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.app.test_client().get(path, headers=headers)

    @staticmethod
    def _read_tenant() -> None:
        g.tenant = Tenant(request.headers.get("Tenant", "carbon.super"))

    @staticmethod
    def _answer(error: AccessDenied) -> tuple[Response, int, dict[str, str]]:
        return jsonify(description=error.description), error.status, dict(error.headers)

    @staticmethod
    def _view() -> Response:
        """Return the caller."""
        caller: Principal = g.principal
        scopes = sorted(caller.scopes)
        return jsonify(
            subject=caller.subject, client_id=caller.client_id, scopes=scopes, tenant=caller.tenant, actor=caller.actor
        )


@pytest.fixture
def site(issuer: AuthIssuer) -> Site:
    return Site(Issuer(issuer.identifier, AUDIENCE))


def together(count: int, call: Callable[[int], int]) -> list[int]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


class TestGoodTokens:
    def test_the_view_receives_the_caller(self, site: Site, issuer: AuthIssuer) -> None:
        answer = site.get(issuer.mint())
        assert answer.status_code == 200
        assert answer.json == {
            "subject": "alice",
            "client_id": "shop",
            "scopes": ["internal_idvp_view", "internal_login"],
            "tenant": "carbon.super",
            "actor": f"alice [shop@{issuer.identifier}]",
        }

    @pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"])
    def test_every_default_algorithm_is_accepted(self, algorithm: str, site: Site, issuer: AuthIssuer) -> None:
        issuer.key = make_key(algorithm)
        issuer.publish(issuer.key)
        assert site.get(issuer.mint(header={"alg": algorithm})).status_code == 200

    def test_small_clock_differences_are_tolerated(self, site: Site, issuer: AuthIssuer) -> None:
        now = int(time.time())
        token = issuer.mint(exp=now - 10, nbf=now + 10, iat=now + 10)
        assert site.get(token).status_code == 200

    @pytest.mark.parametrize(
        ("claims", "header"),
        [
            ({"aud": ["other", AUDIENCE]}, {}),
            ({"scope": ["internal_login", "internal_idvp_view"]}, {}),
            ({"client_id": ..., "jti": ..., "azp": "shop"}, {}),
            ({"exp": 10**300}, {}),
            ({"realm_access": {"roles": []}}, {}),
            ({}, {"typ": "application/AT+JWT"}),
            ({}, {"kid": ...}),
            ({}, {"nonce": "a header of Entra's"}),
        ],
    )
    def test_token_variants_of_real_issuers_are_accepted(
        self, claims: dict[str, Any], header: dict[str, Any], site: Site, issuer: AuthIssuer
    ) -> None:
        assert site.get(issuer.mint(header=header, **claims)).status_code == 200

    def test_a_caller_without_a_client_claim_has_no_client_id(self, site: Site, issuer: AuthIssuer) -> None:
        answer = site.get(issuer.mint(client_id=...))
        assert answer.get_json()["client_id"] == ""

    def test_a_plain_jwt_is_accepted_only_if_its_issuer_is_configured_for_it(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        token = issuer.mint(header={"typ": "JWT"})
        assert site.get(token).status_code == 401
        assert Site(Issuer(issuer.identifier, AUDIENCE, token_types=("JWT",))).get(token).status_code == 200

    def test_a_key_of_one_issuer_does_not_sign_for_another(self, issuer: AuthIssuer) -> None:
        other = AuthIssuer()
        try:
            site = Site(Issuer(issuer.identifier, AUDIENCE), Issuer(other.identifier, "elsewhere"))
            assert site.get(issuer.mint()).status_code == 200
            assert site.get(other.mint(aud="elsewhere")).status_code == 200
            assert site.get(other.mint()).status_code == 401
            assert site.get(other.mint(iss=issuer.identifier)).status_code == 401
        finally:
            other.close()


class TestRefusals:
    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Digest x y"])
    def test_the_challenge_for_a_missing_bearer_token_names_no_error(self, header: str | None, site: Site) -> None:
        answer = site.get() if header is None else site.get(Authorization=header)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="onfido-idvp-connector"'

    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            ({"exp": int(time.time()) - 60}, "expired"),
            ({"exp": ...}, "exp"),
            ({"exp": "9999999999"}, "exp"),
            ({"exp": True}, "exp"),
            ({"exp": None}, "exp"),
            ({"exp": [1]}, "exp"),
            ({"nbf": int(time.time()) + DAY}, "nbf"),
            ({"nbf": "now"}, "nbf"),
            ({"iat": ...}, "iat"),
            ({"iat": int(time.time()) + DAY}, "iat"),
            ({"aud": ...}, "aud"),
            ({"aud": "other"}, "aud"),
            ({"aud": []}, "aud"),
            ({"aud": {AUDIENCE: AUDIENCE}}, "aud"),
            ({"aud": [[AUDIENCE]]}, "aud"),
            ({"aud": [AUDIENCE, 1]}, "aud"),
            ({"aud": 7}, "aud"),
            ({"sub": ...}, "sub"),
            ({"sub": ""}, "sub"),
            ({"sub": 7}, "sub"),
            ({"sub": "a\x00b"}, "sub"),
            ({"sub": "\ud800"}, "sub"),
            ({"sub": "a" * 256}, "sub"),
            ({"jti": 7}, "jti"),
            ({"iss": "https://evil.example.com"}, "issuer"),
            ({"iss": ["x"]}, "issuer"),
            ({"iss": {}}, "issuer"),
            ({"iss": ...}, "issuer"),
        ],
    )
    def test_a_missing_or_wrong_claim_is_named(
        self, claims: dict[str, Any], reason: str, site: Site, issuer: AuthIssuer
    ) -> None:
        answer = site.get(issuer.mint(**claims))
        assert answer.status_code == 401
        assert reason in answer.get_json()["description"]
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    @pytest.mark.parametrize("expiry", ["1e999", "NaN", "-1", "1" * 5000, '"x"', "{}"])
    def test_a_non_finite_expiry_is_refused(self, expiry: str, site: Site, issuer: AuthIssuer) -> None:
        payload = json.dumps(issuer.claims(exp=0)).replace('"exp": 0', f'"exp": {expiry}')
        header = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid}
        assert site.get(sign(header, payload.encode(), issuer.key)).status_code == 401

    @pytest.mark.parametrize(
        "header",
        [
            {"typ": "JWT"},
            {"typ": "id_token+jwt"},
            {"typ": ...},
            {"kid": "unknown"},
            {"crit": ["exp"], "exp": 1},
            {"crit": ["b64"], "b64": True},
        ],
    )
    def test_a_token_with_a_wrong_header_is_refused(
        self, header: dict[str, Any], site: Site, issuer: AuthIssuer
    ) -> None:
        assert site.get(issuer.mint(header=header)).status_code == 401

    def test_a_token_without_kid_is_refused_if_its_issuer_has_several_keys(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        issuer.publish(issuer.key, make_key("RS256"))
        assert site.get(issuer.mint(header={"kid": ...})).status_code == 401
        assert site.get(issuer.mint()).status_code == 200

    def test_a_missing_scope_is_named(self, site: Site, issuer: AuthIssuer) -> None:
        answer = site.get(issuer.mint(), "/delete")
        assert answer.status_code == 403
        description = "The token lacks the scope internal_idvp_delete. Request a token with this scope."
        assert answer.get_json()["description"] == description
        assert answer.headers["WWW-Authenticate"] == (
            'Bearer realm="onfido-idvp-connector", error="insufficient_scope", '
            'error_description="The token lacks the scope internal_idvp_delete.", scope="internal_idvp_delete"'
        )

    @pytest.mark.parametrize(
        "scope", [..., None, "", 7, {"internal_idvp_view": None}, [["internal_idvp_view"]], [{}], "INTERNAL_IDVP_VIEW"]
    )
    def test_a_scope_claim_of_another_type_grants_no_scope(self, scope: Any, site: Site, issuer: AuthIssuer) -> None:
        assert site.get(issuer.mint(scope=scope)).status_code == 403


class TestForgedTokens:
    def test_a_token_with_a_changed_payload_is_refused(self, site: Site, issuer: AuthIssuer) -> None:
        header, _, signature = issuer.mint().split(".")
        assert site.get(f"{header}.{encode(issuer.claims(sub='root'))}.{signature}").status_code == 401

    def test_a_token_signed_by_another_key_under_a_known_kid_is_refused(self, site: Site, issuer: AuthIssuer) -> None:
        stranger = ECKey.generate_key("P-256", {"kid": issuer.key.kid or ""})
        assert site.get(issuer.mint(key=stranger)).status_code == 401

    def test_a_key_embedded_in_the_token_is_not_used(self, site: Site, issuer: AuthIssuer) -> None:
        stranger = ECKey.generate_key("P-256", {"kid": issuer.key.kid or ""})
        header = {"jwk": stranger.as_dict(private=False), "jku": f"{issuer.origin}/evil"}
        assert site.get(issuer.mint(header=header, key=stranger)).status_code == 401
        assert issuer.seen["/evil"] == 0

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
    def test_an_unsigned_token_is_refused(self, algorithm: str, site: Site, issuer: AuthIssuer) -> None:
        header = encode({"alg": algorithm, "typ": "at+jwt"})
        assert site.get(f"{header}.{encode(issuer.claims())}.").status_code == 401
        assert site.get(f"{header}.{encode(issuer.claims())}.AAAA").status_code == 401

    @pytest.mark.parametrize("form", ["pem", "der", "jwk"])
    def test_the_public_key_is_not_accepted_as_a_shared_secret(self, form: str, site: Site, issuer: AuthIssuer) -> None:
        key = RSAKey.generate_key(2048, {"kid": "rsa"})
        issuer.publish(key)
        public = {
            "pem": key.as_pem(private=False),
            "der": key.as_der(private=False),
            "jwk": json.dumps(key.as_dict(private=False)).encode(),
        }[form]
        header = encode({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"})
        signed = f"{header}.{encode(issuer.claims())}"
        mac = hmac.new(public, signed.encode(), hashlib.sha256).digest()
        assert site.get(f"{signed}.{b64(mac)}").status_code == 401

    def test_a_shared_secret_is_refused_even_if_the_issuer_publishes_it(self, site: Site, issuer: AuthIssuer) -> None:
        shared = OctKey.generate_key(256, {"kid": "shared"})
        issuer.documents["/jwks"] = {"keys": [issuer.key.as_dict(private=False), shared.as_dict(private=True)]}
        assert site.get(issuer.mint(header={"alg": "HS256"}, key=shared)).status_code == 401

    def test_an_algorithm_not_configured_for_the_issuer_is_refused(self, issuer: AuthIssuer) -> None:
        site = Site(Issuer(issuer.identifier, AUDIENCE, algorithms=("RS256",)))
        assert site.get(issuer.mint()).status_code == 401
        assert sum(issuer.seen.values()) == 0

    def test_an_encrypted_token_is_refused(self, site: Site, issuer: AuthIssuer) -> None:
        key = RSAKey.generate_key(2048, {"kid": "rsa"})
        issuer.publish(key)
        header = {"alg": "RSA-OAEP", "enc": "A128CBC-HS256", "typ": "at+jwt"}
        assert site.get(encrypt_compact(header, json.dumps(issuer.claims()), key)).status_code == 401

    @pytest.mark.parametrize(
        "token",
        [
            "x",
            ".",
            "..",
            "...",
            "a.b",
            "a.b.c",
            "a.b.c.d.e",
            "e30.e30.e30",
            "=.=.=",
            "a b.c d.e f",
            "é.ü.ß",
            "\xff\xfe.\x80.\x81",
            "A" * 100_000,
            "A" * 50_000 + "." + "A" * 50_000 + "." + "A" * 50_000,
        ],
    )
    def test_a_malformed_token_is_refused(self, token: str, site: Site) -> None:
        answer = site.get(token)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    @pytest.mark.parametrize(
        "header",
        [
            b"[]",
            b'["alg"]',
            b'["alg", "b64"]',
            b'"alg"',
            b'"alg b64"',
            b"7",
            b"null",
            b"{}",
            b"\xff",
            b"[" * 2000,
            b'{"alg": 7}',
            b'{"alg": ["ES256"]}',
            b'{"alg": {}}',
            b'{"alg": null}',
            b'{"alg": "ES256", "typ": 7}',
            b'{"alg": "ES256", "typ": "at+jwt", "kid": {}}',
            b'{"alg": "ES256", "typ": "at+jwt", "kid": "\\ud800"}',
            b'{"alg": "ES256", "typ": "at+jwt", "crit": 7}',
            b'{"alg": "ES256", "typ": "at+jwt", "crit": [{}]}',
            b'{"alg": "ES256", "typ": "at+jwt", "b64": false, "crit": ["b64"]}',
            b'{"alg": "ES256", "typ": "at+jwt", "x5c": 7}',
        ],
    )
    def test_a_malformed_header_is_refused(self, header: bytes, site: Site, issuer: AuthIssuer) -> None:
        assert site.get(f"{b64(header)}.{encode(issuer.claims())}.AAAA").status_code == 401

    @pytest.mark.parametrize("payload", [b"[]", b'"iss"', b"7", b"null", b"", b"\xff", b"[" * 12_000, b'{"iss":'])
    def test_a_malformed_payload_is_refused(self, payload: bytes, site: Site, issuer: AuthIssuer) -> None:
        header = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid}
        assert site.get(sign(header, payload, issuer.key)).status_code == 401

    def test_a_deeply_nested_token_is_refused_at_every_depth(self, site: Site) -> None:
        """There is a depth at which a value can still be read, but no longer be written to the log."""
        for depth in range(800, 1_000):
            deep = f'{{"alg": "ES256", "kid": {"[" * depth}{"]" * depth}, "iss": {"[" * depth}{"]" * depth}}}'.encode()
            for header, claims in ((deep, b"{}"), (b'{"alg": "ES256"}', deep)):
                assert site.get(f"{b64(header)}.{b64(claims)}.AAAA").status_code == 401, depth

    @pytest.mark.parametrize("signature", ["", "A", "AA", "A" * 86, b64(bytes(64)), b64(b"\xff" * 64), "=", "A" * 2000])
    def test_a_malformed_signature_is_refused(self, signature: str, site: Site, issuer: AuthIssuer) -> None:
        signed = issuer.mint().rpartition(".")[0]
        assert site.get(f"{signed}.{signature}").status_code == 401

    def test_two_authorization_headers_are_refused(self, site: Site, issuer: AuthIssuer) -> None:
        token = f"Bearer {issuer.mint()}"
        server = make_server("127.0.0.1", 0, site.app, request_handler=QuietHandler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)) as connection:
                connection.putrequest("GET", "/view")
                connection.putheader("Authorization", token)
                connection.putheader("Authorization", token)
                connection.endheaders()
                assert connection.getresponse().status == 401
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class TestTenants:
    def test_a_token_is_valid_only_for_its_issuers_tenant(self, issuer: AuthIssuer) -> None:
        site = Site(Issuer(issuer.identifier, AUDIENCE, tenant="blue"))
        assert site.get(issuer.mint(), Tenant="blue").get_json()["tenant"] == "blue"
        answer = site.get(issuer.mint(), Tenant="red")
        assert answer.status_code == 403
        description = "The token is not valid for this tenant. Use the path of the token's own tenant."
        assert answer.get_json()["description"] == description
        assert site.get(issuer.mint()).status_code == 403

    def test_a_claim_may_name_the_tenant(self, issuer: AuthIssuer) -> None:
        site = Site(Issuer(issuer.identifier, AUDIENCE, tenant_claim="org"))
        assert site.get(issuer.mint(org="red"), Tenant="red").status_code == 200
        assert site.get(issuer.mint(org="red"), Tenant="blue").status_code == 403
        assert site.get(issuer.mint(org="red")).status_code == 403

    @pytest.mark.parametrize("claimed", [..., None, "", 7, True, ["carbon.super"], {"carbon.super": 1}])
    def test_a_token_without_the_tenant_claim_is_valid_for_no_tenant(self, claimed: Any, issuer: AuthIssuer) -> None:
        site = Site(Issuer(issuer.identifier, AUDIENCE, tenant_claim="org"))
        assert site.get(issuer.mint(org=claimed)).status_code == 403
        assert site.get(issuer.mint(org=claimed), Tenant="").status_code == 403


class TestKeys:
    def test_issuer_keys_are_fetched_once(self, site: Site, issuer: AuthIssuer) -> None:
        assert [site.get(issuer.mint()).status_code for _ in range(5)] == [200] * 5
        assert issuer.seen == {OIDC_PATH: 1, "/jwks": 1}

    def test_a_configured_key_set_url_needs_no_discovery(self, issuer: AuthIssuer) -> None:
        site = Site(Issuer(issuer.identifier, AUDIENCE, jwks_uri=f"{issuer.origin}/jwks"))
        assert site.get(issuer.mint()).status_code == 200
        assert issuer.seen == {"/jwks": 1}

    def test_rfc_8414_metadata_is_accepted_for_discovery(self, site: Site, issuer: AuthIssuer) -> None:
        issuer.documents[RFC8414_PATH] = issuer.documents.pop(OIDC_PATH)
        assert site.get(issuer.mint()).status_code == 200

    def test_a_new_key_is_found_by_its_kid(self, site: Site, issuer: AuthIssuer) -> None:
        old = issuer.mint()
        assert site.get(old).status_code == 200
        issuer.rotate("second")
        site.clock.now += 31
        assert site.get(issuer.mint()).status_code == 200
        assert site.get(old).status_code == 401

    def test_concurrent_callers_with_a_new_key_cause_one_fetch_and_are_all_accepted(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        site.get(issuer.mint())
        issuer.rotate("second")
        site.clock.now += 6
        token = issuer.mint()
        statuses = together(DEFAULT_WAITING, lambda _: site.get(token).status_code)
        assert statuses == [200] * DEFAULT_WAITING
        assert issuer.seen["/jwks"] == 2

    def test_a_restarted_issuer_with_new_keys_under_the_old_kid_is_trusted_in_half_a_minute(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        withdrawn = issuer.mint()
        assert site.get(withdrawn).status_code == 200
        issuer.rotate("first")
        assert site.get(issuer.mint()).status_code == 401
        site.clock.now += 30
        assert site.get(issuer.mint()).status_code == 200
        assert site.get(withdrawn).status_code == 401

    def test_a_restarted_issuer_with_a_key_of_another_type_and_no_kid_is_trusted(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        site.get(issuer.mint())
        issuer.key = RSAKey.generate_key(2048, {"kid": "first"})
        issuer.publish(issuer.key)
        site.clock.now += 30
        assert site.get(issuer.mint(header={"alg": "RS256", "kid": ...})).status_code == 200

    def test_forged_signatures_cause_one_fetch_in_half_a_minute(self, site: Site, issuer: AuthIssuer) -> None:
        good = issuer.mint()
        site.get(good)
        forged = issuer.mint(key=ECKey.generate_key("P-256", {"kid": "first"}))
        for fetches in (2, 3):
            site.clock.now += 30
            assert set(together(8, lambda _: site.get(forged).status_code)) <= {401, 503}
            site.clock.now += 29
            assert together(8, lambda _: site.get(forged).status_code) == [401] * 8
            assert issuer.seen["/jwks"] == fetches
        assert site.get(good).status_code == 200

    def test_forged_signatures_during_a_slow_fetch_hold_few_threads_and_delay_no_valid_token(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        good, forged = issuer.mint(), issuer.mint(key=ECKey.generate_key("P-256", {"kid": "first"}))
        site.get(good)
        site.clock.now += 30
        issuer.arrived.clear()
        issuer.answering.clear()
        with ThreadPoolExecutor(16) as pool:
            waiting = [pool.submit(site.get, forged) for _ in range(12)]
            assert issuer.arrived.wait(60)
            assert [pool.submit(site.get, good).result(GENEROUS).status_code for _ in range(3)] == [200] * 3
            issuer.answering.set()
            wait(waiting, 20)
        assert {each.result().status_code for each in waiting} <= {401, 503}

    def test_forged_signatures_of_one_issuer_delay_no_other_issuer(self, issuer: AuthIssuer) -> None:
        other = AuthIssuer()
        try:
            site = Site(Issuer(issuer.identifier, AUDIENCE), Issuer(other.identifier, AUDIENCE))
            assert [site.get(each.mint()).status_code for each in (issuer, other)] == [200, 200]
            other.rotate("first")
            site.clock.now += 30
            forged = issuer.mint(key=ECKey.generate_key("P-256", {"kid": "first"}))
            assert [site.get(forged).status_code for _ in range(4)] == [401] * 4
            assert site.get(other.mint()).status_code == 200
        finally:
            other.close()

    def test_forged_kids_cause_one_fetch_in_five_seconds(self, site: Site, issuer: AuthIssuer) -> None:
        site.get(issuer.mint())
        site.clock.now += 6
        forged = [issuer.mint(header={"kid": f"forged-{number}"}) for number in range(16)]
        assert set(together(8, lambda number: site.get(forged[number]).status_code)) <= {401, 503}
        assert issuer.seen["/jwks"] == 2
        site.clock.now += 4
        assert together(8, lambda number: site.get(forged[8 + number]).status_code) == [401] * 8
        assert issuer.seen["/jwks"] == 2
        site.clock.now += 2
        assert site.get(forged[0]).status_code == 401
        assert issuer.seen["/jwks"] == 3

    def test_forged_kids_during_a_slow_fetch_hold_few_threads_and_delay_no_valid_token(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        good = issuer.mint()
        site.get(good)
        site.clock.now += 6
        issuer.arrived.clear()
        issuer.answering.clear()
        with ThreadPoolExecutor(16) as pool:
            forged = [issuer.mint(header={"kid": f"forged-{number}"}) for number in range(12)]
            waiting = [pool.submit(site.get, token) for token in forged]
            assert issuer.arrived.wait(60)
            assert [pool.submit(site.get, good).result(GENEROUS).status_code for _ in range(3)] == [200] * 3
            wait_until(lambda: sum(each.done() for each in waiting) >= len(forged) - DEFAULT_WAITING)
            issuer.answering.set()
            wait(waiting, GENEROUS)
            refused = [each.result() for each in waiting if each.result().status_code == 503]
            assert len(refused) >= len(forged) - 2 * DEFAULT_WAITING  # twice, where the machine is that slow
            assert {answer.headers["Retry-After"] for answer in refused} == {"1"}

    def test_a_withdrawn_key_is_valid_for_an_hour_at_most(self, site: Site, issuer: AuthIssuer) -> None:
        withdrawn = issuer.mint()
        site.get(withdrawn)
        issuer.rotate("second")
        site.clock.now += 1799
        assert site.get(withdrawn).status_code == 200
        assert issuer.seen["/jwks"] == 1
        site.clock.now += 1801
        assert site.get(withdrawn).status_code == 401

    def test_a_key_in_use_is_asked_for_again_after_half_an_hour_without_waiting(
        self, site: Site, issuer: AuthIssuer
    ) -> None:
        withdrawn = issuer.mint()
        site.get(withdrawn)
        issuer.rotate("second")
        site.clock.now += 1800
        issuer.arrived.clear()
        issuer.answering.clear()
        assert [site.get(withdrawn).status_code for _ in range(3)] == [200] * 3
        assert issuer.arrived.wait(60)
        issuer.answering.set()
        wait_until(lambda: site.get(withdrawn).status_code != 200)
        assert issuer.seen["/jwks"] == 2

    def test_cached_keys_stay_valid_while_the_issuer_is_down(self, site: Site, issuer: AuthIssuer) -> None:
        site.get(issuer.mint())
        issuer.go_down()
        site.clock.now += 7200
        assert site.get(issuer.mint()).status_code == 200
        assert site.get(issuer.mint(header={"kid": "unknown"})).status_code == 401
        asked = issuer.seen[OIDC_PATH]
        assert site.get(issuer.mint()).status_code == 200
        assert issuer.seen[OIDC_PATH] == asked

    def test_callers_do_not_wait_while_another_caller_renews_the_keys(self, site: Site, issuer: AuthIssuer) -> None:
        site.get(issuer.mint())
        site.clock.now += 3600
        issuer.arrived.clear()
        issuer.answering.clear()
        with ThreadPoolExecutor(2) as pool:
            renewing = pool.submit(lambda: site.get(issuer.mint()).status_code)
            assert issuer.arrived.wait(60)
            assert pool.submit(lambda: site.get(issuer.mint()).status_code).result(GENEROUS) == 200
            assert not renewing.done()
            issuer.answering.set()
            assert renewing.result(GENEROUS) == 200

    def test_a_caller_gets_503_and_retry_after_while_no_keys_are_known(self, site: Site, issuer: AuthIssuer) -> None:
        issuer.go_down()
        answer = site.get(issuer.mint())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "WWW-Authenticate" not in answer.headers
        asked = issuer.seen[OIDC_PATH]
        assert together(4, lambda _: site.get(issuer.mint()).status_code) == [503] * 4
        assert issuer.seen[OIDC_PATH] == asked
        issuer.come_back()
        site.clock.now += 5
        assert site.get(issuer.mint()).status_code == 200

    def test_an_unreachable_issuer_causes_503(self) -> None:
        gone = AuthIssuer()
        gone.close()
        assert Site(Issuer(gone.identifier, AUDIENCE)).get(gone.mint()).status_code == 503

    @pytest.mark.parametrize(
        "document",
        [
            {"issuer": "https://evil.example.com", "jwks_uri": "{origin}/jwks"},
            {"jwks_uri": "{origin}/jwks"},
            {"issuer": "{issuer}"},
            {"issuer": "{issuer}", "jwks_uri": 7},
            {"issuer": "{issuer}", "jwks_uri": "http://0.0.0.0:{port}/jwks"},
            {"issuer": "{issuer}", "jwks_uri": "file:///etc/passwd"},
            {"issuer": "{issuer}", "jwks_uri": "{origin}/none"},
            [],
            "x",
            b"not json",
            b"\xff",
            b"[" * 100_000,
            {"issuer": "{issuer}", "jwks_uri": "{origin}/jwks", "padding": "x" * 300_000},
        ],
    )
    def test_an_invalid_discovery_document_is_not_followed(self, document: Any, site: Site, issuer: AuthIssuer) -> None:
        if not isinstance(document, bytes):
            text = json.dumps(document).replace("{origin}", issuer.origin).replace("{issuer}", issuer.identifier)
            document = text.replace("{port}", issuer.origin.rpartition(":")[2]).encode()
        issuer.documents[OIDC_PATH] = document
        assert site.get(issuer.mint()).status_code == 503
        assert issuer.seen["/jwks"] == 0

    def test_a_redirect_is_not_followed(self, site: Site, issuer: AuthIssuer) -> None:
        issuer.statuses["/jwks"] = 302
        issuer.headers["Location"] = f"{issuer.origin}/elsewhere"
        assert site.get(issuer.mint()).status_code == 503
        assert issuer.seen["/elsewhere"] == 0

    @pytest.mark.parametrize(
        "unusable",
        [
            7,
            None,
            {},
            {"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"},
            {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "n": 7, "e": 7},
            {"kty": "RSA", "use": "enc", "n": "x" * 342, "e": "AQAB"},
            {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
            {"kty": ["EC"]},
            {"kty": "EC", "kid": 7, "crv": "P-256", "x": "AA", "y": "AA"},
        ],
    )
    def test_an_unusable_key_does_not_affect_the_others(self, unusable: Any, site: Site, issuer: AuthIssuer) -> None:
        issuer.documents["/jwks"] = {"keys": [unusable, issuer.key.as_dict(private=False)]}
        assert site.get(issuer.mint()).status_code == 200

    def test_an_rsa_key_below_2048_bits_is_not_used(self, site: Site, issuer: AuthIssuer) -> None:
        with pytest.warns(SecurityWarning):
            short = RSAKey.generate_key(1024, {"kid": "short"})
        issuer.publish(issuer.key, short)
        assert site.get(issuer.mint(header={"alg": "RS256"}, key=short)).status_code == 401
        assert site.get(issuer.mint()).status_code == 200

    @pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": {}}, {"keys": "x"}, {"keys": [7]}])
    def test_a_key_set_without_usable_keys_counts_as_empty(self, document: Any, site: Site, issuer: AuthIssuer) -> None:
        issuer.documents["/jwks"] = document
        assert site.get(issuer.mint()).status_code == 503


class TestViews:
    def test_a_view_declares_its_required_scope(self) -> None:
        @requires("internal_login")
        def view() -> str:
            """Do something."""
            return ""

        assert vars(view)[REQUIRED_SCOPE] == "internal_login"
        assert (view.__name__, view.__doc__) == ("view", "Do something.")

    def test_scopes_are_required_on_views_of_a_flask_smorest_blueprint(self, site: Site, issuer: AuthIssuer) -> None:
        blueprint = Blueprint("api", __name__)
        seen: dict[str, str] = {}

        @blueprint.route("/things/<name>")
        class Things(MethodView):
            @blueprint.response(200)  # type: ignore[untyped-decorator]  # flask-smorest is untyped
            @requires("internal_idvp_view")
            def get(self, name: str) -> dict[str, str]:
                return {"name": name, "caller": g.principal.subject}

            @requires("internal_idvp_delete")
            @blueprint.response(204)  # type: ignore[untyped-decorator]
            def delete(self, name: str) -> None:
                seen["deleted"] = name

        site.app.register_blueprint(blueprint)
        token = issuer.mint()
        assert site.get(token, "/things/a").json == {"name": "a", "caller": "alice"}
        assert site.get(path="/things/a").status_code == 401
        deleted = site.app.test_client().delete("/things/a", headers={"Authorization": f"Bearer {token}"})
        assert (deleted.status_code, seen) == (403, {})
        assert vars(Things.get)[REQUIRED_SCOPE] == "internal_idvp_view"
        assert vars(Things.delete)[REQUIRED_SCOPE] == "internal_idvp_delete"


class TestActors:
    @pytest.mark.parametrize(
        ("claims", "actor"),
        [
            ({}, "alice [shop@{issuer}]"),
            ({"client_id": ...}, "alice [@{issuer}]"),
            ({"client_id": "desk app"}, "alice [desk%20app@{issuer}]"),
            ({"sub": "root [shop@https://idp.example.com]"}, "root [shop@https://idp.example.com] [shop@{issuer}]"),
            ({"client_id": "x@https://idp] [y"}, "alice [x%40https://idp%5D%20%5By@{issuer}]"),
            ({"client_id": "a\nb\x1b"}, "alice [a%0Ab%1B@{issuer}]"),
        ],
    )
    def test_an_actor_names_user_client_and_issuer_unambiguously(
        self, claims: dict[str, Any], actor: str, site: Site, issuer: AuthIssuer
    ) -> None:
        assert site.get(issuer.mint(**claims)).get_json()["actor"] == actor.replace("{issuer}", issuer.identifier)

    def test_the_length_of_an_actor_is_limited(self, site: Site, issuer: AuthIssuer) -> None:
        answer = site.get(issuer.mint(sub="\u738b" * 255, client_id="\u738b" * 1000))
        assert len(answer.get_json()["actor"]) < 255 + 255 + 100


class TestDevelopment:
    def test_a_development_token_is_accepted_with_dev(self, tmp_path: Path) -> None:
        site = Site(development=development_issuer(tmp_path))
        answer = site.get(mint_token(tmp_path, "alice", ["internal_idvp_view"]))
        assert answer.status_code == 200
        assert answer.get_json()["subject"] == "alice"

    def test_the_development_issuer_is_trusted_only_with_dev(self, tmp_path: Path, issuer: AuthIssuer) -> None:
        trusted = Issuer(issuer.identifier, AUDIENCE)
        token = mint_token(tmp_path, "alice", ["internal_idvp_view"])
        for is_dev, status in ((True, 200), (False, 401)):
            site = Site()
            settings = load(None, {}, data_dir=tmp_path, issuers=(trusted,), dev=is_dev)
            site.app.extensions[EXTENSION] = Access(trusted_issuers(settings))
            assert site.get(token).status_code == status
            assert site.get(issuer.mint()).status_code == 200

    def test_a_development_token_is_valid_only_for_its_tenant(self, tmp_path: Path) -> None:
        site = Site(development=development_issuer(tmp_path))
        token = mint_token(tmp_path, "alice", ["internal_idvp_view"], tenant="blue")
        assert site.get(token, Tenant="blue").status_code == 200
        assert site.get(token).status_code == 403

    def test_a_development_token_expires(self, tmp_path: Path) -> None:
        site = Site(development=development_issuer(tmp_path))
        token = mint_token(tmp_path, "alice", ["internal_idvp_view"], lifetime=-60)
        assert "expired" in site.get(token).get_json()["description"]

    def test_a_development_token_of_another_installation_is_refused(self, tmp_path: Path) -> None:
        site = Site(development=development_issuer(tmp_path / "here"))
        assert site.get(mint_token(tmp_path / "there", "alice", ["internal_idvp_view"])).status_code == 401

    def test_only_the_owner_can_read_the_development_key(self, tmp_path: Path) -> None:
        mint_token(tmp_path / "data", "alice", [])
        path = tmp_path / "data" / "development-issuer.jwk"
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert [each.name for each in path.parent.iterdir()] == [path.name]

    def test_concurrent_first_uses_create_one_development_key(self, tmp_path: Path) -> None:
        tokens: dict[int, str] = {}

        def mint(number: int) -> int:
            tokens[number] = mint_token(tmp_path, str(number), ["internal_idvp_view"])
            return number

        together(8, mint)
        site = Site(development=development_issuer(tmp_path))
        assert [site.get(token).status_code for token in tokens.values()] == [200] * 8

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"kty": "RSA"}', '{"kty": "EC", "crv": "P-256"}'])
    def test_a_damaged_development_key_is_named_by_its_file(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "development-issuer.jwk").write_text(content)
        with pytest.raises(ConfigurationError, match=r"development-issuer\.jwk"):
            mint_token(tmp_path, "alice", [])

    def test_the_operator_is_informed_which_setting_adds_an_issuer(self) -> None:
        with pytest.raises(ConfigurationError) as refused:
            check_access_configured(load(None, {}))
        assert all(word in refused.value.description for word in ("[[issuers]]", "CONNECTOR_ISSUERS", "--dev"))

    def test_dev_or_a_configured_issuer_is_sufficient(self, tmp_path: Path) -> None:
        check_access_configured(load(None, {}, data_dir=tmp_path, dev=True))
        check_access_configured(load(None, {}, issuers=(Issuer("https://idp.example.com", "connector"),)))
