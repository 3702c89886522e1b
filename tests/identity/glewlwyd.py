"""Glewlwyd, from Debian: a third implementation, in C. Each of its clients may introspect only its own tokens."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from tests.identity.servers import AUDIENCE, CALLBACK, SCOPES, Server, new_keys

SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
CONFIGURATION = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="NONE"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=3600
session_key="SESSION"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
user_middleware_module_path="/usr/lib/glewlwyd/user_middleware"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
use_secure_connection=false
secure_connection_key_file="none"
secure_connection_pem_file="none"
secure_connection_ca_file="none"
hash_algorithm="SHA512"
database = {{ type = "sqlite3" path = "{database}" }};
"""


def has_glewlwyd() -> bool:
    """Whether the Debian package is installed."""
    return shutil.which("glewlwyd") is not None and SCHEMA.is_file()


class Glewlwyd(Server):
    """A process with a database of its own, set up over its administration API."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.root, self.issuer = self.issuer, f"{self.issuer}/api/oidc"
        self.directory = directory
        self.keys = new_keys("only")
        self._is_set_up = False
        database = directory / "glewlwyd.db"
        content = CONFIGURATION.format(port=self.port, database=database)
        (directory / "glewlwyd.conf").write_text(content, encoding="utf-8")
        connection = sqlite3.connect(database)
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        connection.close()

    def command(self) -> list[str]:
        return ["glewlwyd", "--config-file=glewlwyd.conf"]

    def start(self) -> None:
        super().start()
        if self._is_set_up:
            return
        self._is_set_up = True
        self._administer("auth", username="admin", password="password")
        for name in SCOPES:
            self._administer("scope", name=name, display_name=name, password_required=False, scheme={})
        self._administer(
            "mod/plugin", module="oidc", name="oidc", display_name="oidc", enabled=True, parameters=self._op()
        )
        self._add_client("shop", "client_credentials", "password", "refresh_token")
        ann = {"username": "ann", "password": "ann-password", "name": "Ann", "email": "ann@example.com"}
        self._administer("user", **ann, enabled=True, scope=["openid", *SCOPES])

    def client_token(self) -> str:
        """Return an access token of the client `shop`, by client credentials."""
        form = {"grant_type": "client_credentials", "scope": SCOPES[1], "resource": f"https://{AUDIENCE}"}
        return str(self.token(**form)["access_token"])

    def sign_in(self, scope: str) -> dict[str, Any]:
        """Return the tokens of a user; with this grant the audience is the scopes."""
        return self.token(grant_type="password", username="ann", password="ann-password", scope=scope)

    def rotate_keys(self, kid: str) -> None:
        """Sign with a new key from now on."""
        self.keys = new_keys(kid)
        self._administer("auth", username="admin", password="password")
        plugin = {"module": "oidc", "name": "oidc", "display_name": "oidc", "enabled": True, "parameters": self._op()}
        for path, body in (("oidc", plugin), ("oidc/disable", None), ("oidc/enable", None)):
            assert self.http.put(f"{self.root}/api/mod/plugin/{path}", json=body, timeout=60).ok

    def is_up(self) -> bool:
        return self.http.get(f"{self.root}/config", timeout=60).ok

    def _op(self) -> dict[str, Any]:
        return {
            "iss": self.issuer,
            "jwks-private": self.keys,
            "jwks-show": True,
            "default-kid": json.loads(self.keys)["keys"][0]["kid"],
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "access-token-duration": 600,
            "refresh-token-duration": 600,
            "code-duration": 600,
            "allow-non-oidc": True,
            "subject-type": "public",
            "claims": [{"name": "given_name", "user-property": "name", "type": "string", "mandatory": True}],
            "allowed-scope": ["openid"],
            "auth-type-client-enabled": True,
            "auth-type-password-enabled": True,
            "auth-type-refresh-enabled": True,
            "introspection-revocation-allowed": True,
            "introspection-revocation-allow-target-client": True,
            "resource-allowed": True,
            "resource-scope": {scope: [f"https://{AUDIENCE}"] for scope in SCOPES},
        }

    def _add_client(self, name: str, *grants: str) -> None:
        self._administer(
            "client",
            client_id=name,
            name=name,
            enabled=True,
            confidential=True,
            client_secret=f"{name}-secret",
            authorization_type=grants,
            scope=SCOPES,
            redirect_uri=[CALLBACK],
            token_endpoint_auth_method=["client_secret_basic"],
        )

    def _administer(self, path: str, **content: Any) -> None:
        headers = {"Content-Type": "application/json"}
        answer = self.http.post(f"{self.root}/api/{path}/", json.dumps(content), headers=headers, timeout=60)
        assert answer.ok, answer.text
