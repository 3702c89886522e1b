"""A strict client of the OpenID provider, shaped as Okta's, and the browser of its user."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from connector.domain.openid.clients import ClientConfig
from connector.domain.tenancy import Tenant
from tests.harness import World

REDIRECT_URI = "https://org.okta.example/idp/identity-verification/callback"
NAMES = {"given_name": "Ann", "family_name": "Example", "birthdate": "1990-01-01"}
_FORM_TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
_LINK = re.compile(r'content="0;url=([^"]+)"')


def okta_claims(values: Mapping[str, str] = NAMES) -> dict[str, Any]:
    """Return the parameter `claims` as Okta writes it."""
    verification = {
        "trust_framework": {"value": "IDV-DELEGATED", "essential": True},
        "assurance_level": {"value": "VERIFIED", "essential": True},
    }
    claims = {name: {"value": value, "fuzzy": True} for name, value in values.items()}
    return {"id_token": {"verified_claims": [{"verification": verification, "claims": claims}]}}


def ida_claims(values: Mapping[str, str] = NAMES) -> dict[str, Any]:
    """Return the parameter `claims` as OpenID Identity Assurance writes it, with values to compare."""
    verification = {"trust_framework": None, "time": None, "evidence": None}
    claims = {name: {"value": value} for name, value in values.items()}
    return {"id_token": {"verified_claims": {"verification": verification, "claims": claims}}}


@dataclass
class Pushed:
    """The client's state of a request until its user returns."""

    request_uri: str
    state: str
    nonce: str
    verifier: str = field(repr=False)


@dataclass
class RelyingParty:
    """A client, with its secret."""

    world: World
    client_id: str
    secret: str = field(repr=False)
    tenant: str = "carbon.super"

    @property
    def base(self) -> str:
        prefix = "" if self.tenant == "carbon.super" else f"/t/{self.tenant}"
        return self.world.connector.url + prefix

    def metadata(self) -> Any:
        return requests.get(f"{self.base}/.well-known/openid-configuration", timeout=60).json()

    def parameters(self, claims: Any = None, /, **changes: Any) -> tuple[dict[str, Any], str]:
        """Return the parameters of a request, and the verifier of its challenge; a change to None leaves one out."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        given = {
            "response_type": "code",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "redirect_uri": REDIRECT_URI,
            "scope": "openid profile identity_assurance",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "login_hint": "00u1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "claims": json.dumps(okta_claims() if claims is None else claims),
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}, verifier

    def push(self, claims: Any = None, /, **changes: Any) -> Pushed:
        parameters, verifier = self.parameters(claims, **changes)
        answer = self.post("/oauth2/par", parameters)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.json()
        assert body["expires_in"] == 60
        return Pushed(body["request_uri"], parameters["state"], parameters["nonce"], verifier)

    def post(self, path: str, data: Any, **options: Any) -> requests.Response:
        return requests.post(self.base + path, data=data, timeout=60, **options)

    def exchange(self, pushed: Pushed, code: str, /, **changes: Any) -> requests.Response:
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": pushed.verifier,
            "redirect_uri": REDIRECT_URI,
            "client_id": self.client_id,
            "client_secret": self.secret,
            **changes,
        }
        return self.post("/oauth2/token", {name: value for name, value in given.items() if value is not None})

    def id_token(self, pushed: Pushed, code: str) -> dict[str, Any]:
        """Exchange a code, check the ID token as Okta does, and return its claims."""
        answer = self.exchange(pushed, code)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["expires_in"] > 0
        metadata = self.metadata()
        keys = requests.get(f"{self.base}/.well-known/jwks.json", timeout=60).json()
        token = jwt.decode(body["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"])
        now = self.world.clock().timestamp()
        assert token.claims["iss"] == metadata["issuer"]
        assert token.claims["aud"] == self.client_id
        assert token.claims["nonce"] == pushed.nonce
        assert token.claims["iat"] < now < token.claims["exp"]
        return dict(token.claims) | {"access_token": body["access_token"]}


class UserBrowser:
    """The browser of a person whom the client sends for verification."""

    def __init__(self, party: RelyingParty) -> None:
        self.party = party
        self.session = requests.Session()
        self.session.trust_env = False
        self.page = ""

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(
            path if "://" in path else self.party.base + path, timeout=60, allow_redirects=False, **options
        )

    def authorize(self, pushed: Pushed, **query: str) -> requests.Response:
        answer = self.get("/oauth2/authorize", params={"request_uri": pushed.request_uri, **query})
        if answer.status_code == 303:
            self.page = self.party.world.connector.url + answer.headers["Location"]
        return answer

    def look(self) -> requests.Response:
        return self.get(self.page)

    def press(self, button: str) -> requests.Response:
        """Press `start` or `leave` on the page."""
        [token, *_] = _FORM_TOKEN.findall(self.look().text)
        return self.session.post(f"{self.page}/{button}", data={"token": token}, timeout=60, allow_redirects=False)

    def follow(self) -> requests.Response:
        """Load the page until it redirects back to the client."""
        answers: list[requests.Response] = []

        def is_back() -> bool:
            answers.append(self.look())
            return answers[-1].status_code == 302

        self.party.world.wait_until(is_back)
        return answers[-1]

    def start(self) -> str:
        """Agree, and return Onfido's page."""
        answer = self.press("start")
        assert answer.status_code == 200, answer.text
        [link] = _LINK.findall(answer.text)
        return str(link).replace("&amp;", "&")


def returned(answer: requests.Response, pushed: Pushed, party: RelyingParty) -> dict[str, str]:
    """Check a redirect back to the client, and return its parameters."""
    assert answer.status_code == 302, answer.text
    location = answer.headers["Location"]
    assert location.startswith(f"{REDIRECT_URI}?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert query["state"] == pushed.state
    assert query["iss"] == party.metadata()["issuer"]
    return query


def register(world: World, **changes: Any) -> RelyingParty:
    """Register a client with the world's provider."""
    given = {
        "name": "Example Workforce",
        "profile": "okta",
        "provider_id": world.provider_id,
        "redirect_uris": (REDIRECT_URI,),
        "allows_sandbox": True,  # the tenant of the world's provider
        **changes,
    }
    client, secret = world.connector.services.openid_clients.add(Tenant(world.tenant), ClientConfig(**given), "admin")
    return RelyingParty(world, client.client_id, secret, world.tenant)


def run_of(world: World) -> str:
    """Return the run that was started last."""
    [latest, *_] = world.verifications()
    assert latest.run_id is not None
    return latest.run_id
