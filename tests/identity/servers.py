"""Real authorization servers in separate processes on loopback, and functions that get tokens from them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc.jwk import KeySet, RSAKey

from tests.ports import free_port
from tests.waiting import wait_until

NODE = Path(__file__).parent / "node"
AUDIENCE = "connector"
SCOPES = ("internal_login", "internal_idvp_view")
VALUES = {"given_name": "Ann", "family_name": "Example", "birthdate": "1990-01-01"}  # of users of node-oidc-provider
CALLBACK = "https://shop.example.com/callback"
VERIFIER = "v" * 64
CHALLENGE = "w1TpKUdYE9hUAcNSeeSRFioHDxfUxuHho_JHAfZ_vDM"  # its SHA-256


def has_node(package: str = "oidc-provider") -> bool:
    """Whether Node and a package of `tests/identity/node` are installed."""
    return shutil.which("node") is not None and (NODE / "node_modules" / package).is_dir()


def new_keys(kid: str) -> str:
    """Make a private key, as a key set."""
    return json.dumps(
        KeySet([RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})]).as_dict(private=True)
    )


@cache
def key_set(keys: str) -> KeySet:
    """Return private keys; reading one checks it, which takes longer than a request."""
    return KeySet.import_key_set(json.loads(keys))


class Server:
    """A process that serves OAuth 2 on loopback; its issuer is its address."""

    token_path = "/token"  # after the issuer

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self.http.trust_env = False
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.__exit__)
            self.start()
            stack.pop_all()  # it has started, and ends later
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.http.close()

    directory: Path | None = None  # where the process runs

    def command(self) -> list[str]:
        raise NotImplementedError

    def given(self) -> bytes:
        """The configuration on the process's standard input."""
        return b""

    def start(self) -> None:
        quiet: Any = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self.command(), stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, cwd=self.directory
        )
        assert self._process.stdin is not None
        _write(self._process.stdin, self.given())
        wait_until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            with self._process:  # waits for it
                self._process.terminate()
                try:
                    self._process.wait(60)
                finally:
                    self._process.kill()
            self._process = None

    def post(self, path: str, client: str, **form: str) -> dict[str, Any]:
        answer = self.http.post(self.issuer + path, form, auth=(client, f"{client}-secret"), timeout=60)
        assert answer.ok, answer.text
        return dict(answer.json()) if answer.text else {}

    def token(self, **form: str) -> dict[str, Any]:
        return self.post(self.token_path, "shop", **form)

    def is_up(self) -> bool:
        return self.http.get(f"{self.issuer}/.well-known/openid-configuration", timeout=60).ok

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended"
        try:
            return self.is_up()
        except requests.ConnectionError:
            time.sleep(0.05)
            return False


class NanoIdp(Server):
    """NanoIDP, from PyPI: JWTs with `typ: JWT`, their introspection, password grant, key rotation."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        clients = [{"client_id": name, "client_secret": f"{name}-secret"} for name in ("shop", "connector")]
        clients[0]["allowed_scopes"] = ["openid", *SCOPES]  # type: ignore[assignment]
        oauth = {
            "issuer": self.issuer,
            "audience": AUDIENCE,
            "scopes_supported": ["openid", *SCOPES],
            "clients": clients,
        }
        users = {
            "ann": {
                "password": "ann-password",
                "email": "ann@example.com",
                "roles": ["customer"],
                "tenant": "blue",
                "attributes": {"given_name": "Ann", "family_name": "Example", "birthdate": "1990-01-01"},
            }
        }
        settings = {"config_version": 1, "server": {"host": "127.0.0.1", "port": self.port}, "oauth": oauth}
        for name, content in (("settings", settings), ("users", {"config_version": 1, "users": users})):
            (directory / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
        self.directory = directory  # it also keeps its keys there

    def command(self) -> list[str]:
        return [sys.executable, "-m", "nanoidp", "--config", str(self.directory)]

    def sign_in(self, scope: str = f"openid {SCOPES[1]}") -> dict[str, Any]:
        """Return the tokens of a user."""
        return self.token(grant_type="password", username="ann", password="ann-password", scope=scope)

    @property
    def keys(self) -> str:
        """The current private key, as a key set."""
        assert self.directory is not None
        [published, *_] = self.http.get(f"{self.issuer}/.well-known/jwks.json", timeout=60).json()["keys"]
        pem = (self.directory / "keys" / "rsa_private.pem").read_text(encoding="utf-8")
        return json.dumps(KeySet([RSAKey.import_key(pem, {"kid": published["kid"]})]).as_dict(private=True))

    def rotate_keys(self) -> None:
        assert self.http.post(f"{self.issuer}/api/keys/rotate", timeout=60).ok


class OidcProvider(Server):
    """node-oidc-provider, from npm: JWTs by RFC 9068 or opaque tokens, by resource; whole OpenID flows."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = new_keys("only")

    def command(self) -> list[str]:
        return ["node", str(NODE / "oidc_provider.mjs"), str(self.port)]

    def given(self) -> bytes:
        return self.keys.encode()

    def client_token(self, kind: str) -> str:
        """Return an access token of the client `shop`, by client credentials: `jwt` or `opaque`."""
        form = {"grant_type": "client_credentials", "scope": SCOPES[1], "resource": f"urn:connector:{kind}"}
        return str(self.token(**form)["access_token"])

    def sign_in(self, kind: str, user: str = "ann", scope: str = SCOPES[1], client: str = "shop") -> dict[str, Any]:
        """Return the tokens of a user, who signs in at the provider's own pages and consents.

        Without a kind, the access token is for UserInfo.
        """
        browser = requests.Session()
        browser.trust_env = False
        query = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": f"openid offline_access {scope}",
            "prompt": "consent",
            "nonce": "n",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | ({"resource": f"urn:connector:{kind}"} if kind else {})
        page = browser.get(f"{self.issuer}/auth", params=query, timeout=60, allow_redirects=False)
        for form in ({"prompt": "login", "login": user, "password": "any"}, {"prompt": "consent"}):
            page = self._follow(browser, page)
            [action] = re.findall(r'<form[^>]*action="([^"]+)"', page.text)
            page = browser.post(action, form, timeout=60, allow_redirects=False)
        page = self._follow(browser, page)
        code = parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]
        browser.close()
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.post(self.token_path, client, code=code, **form)

    def _follow(self, browser: requests.Session, page: requests.Response) -> requests.Response:
        """Follow redirects within the provider."""
        while page.is_redirect and page.headers["Location"].startswith((self.issuer, "/")):
            location = page.headers["Location"]
            url = location if location.startswith("http") else self.issuer + location
            page = browser.get(url, timeout=60, allow_redirects=False)
        return page

    def revoke(self, token: str, client: str = "shop") -> None:
        self.post("/token/revocation", client, token=token)

    @contextmanager
    def having(self, **values: str) -> Iterator[None]:
        """Change values of all users until the end of the block."""
        self._set_values(values)
        try:
            yield
        finally:
            self._set_values({name: VALUES[name] for name in values})

    def _set_values(self, values: Mapping[str, str]) -> None:
        assert self.http.put(f"{self.issuer}/values", json=values, timeout=60).ok


class NoticeReceiver(Server):
    """An application that receives notices with npm's standardwebhooks, and keeps them until it stops."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.url = f"{self.issuer}/hooks"
        self.secret = secret

    def command(self) -> list[str]:
        return ["node", str(NODE / "receiver.mjs"), str(self.port), self.secret]

    def is_up(self) -> bool:
        return self.http.get(f"{self.issuer}/received", timeout=60).ok

    def use(self, secret: str) -> None:
        """Verify only with another secret from now on."""
        self.secret = secret
        self._set(secret=secret)

    def answer(self, *answers: int | str) -> None:
        """Answer the next notices with these statuses, or close the connection for "cut"; then answer 204."""
        self._set(answers=answers)

    def received(self) -> list[dict[str, Any]]:
        """Return everything received since its start."""
        return list(self.http.get(f"{self.issuer}/received", timeout=60).json())

    def _set(self, **settings: Any) -> None:
        assert self.http.put(f"{self.issuer}/settings", json=settings, timeout=60).ok


class SignalReceiver(Server):
    """A receiver of pushed events with npm's jose; it expects this header with each."""

    def __init__(self, authorization: str) -> None:
        super().__init__()
        self.url = f"{self.issuer}/events"
        self.authorization = authorization

    def command(self) -> list[str]:
        return ["node", str(NODE / "signals.mjs"), str(self.port), self.authorization]

    def is_up(self) -> bool:
        return self.http.get(f"{self.issuer}/received", timeout=60).ok

    def set(self, **settings: Any) -> None:
        """Change the accepted tokens, or the answers to the next events."""
        assert self.http.put(f"{self.issuer}/settings", json=settings, timeout=60).ok

    def received(self) -> list[dict[str, Any]]:
        """Return everything received since its start."""
        return list(self.http.get(f"{self.issuer}/received", timeout=60).json())


def _write(stream: IO[bytes], content: bytes) -> None:
    with stream:
        stream.write(content)
