"""SCIMMY, from npm: a second real SCIM server."""

from __future__ import annotations

import shutil
from typing import Any

from tests.identity.scim_server import IDENTITY
from tests.identity.servers import NODE, Server

TOKEN = "token of the tests"


def has_scimmy() -> bool:
    """Whether Node and the package are installed."""
    return shutil.which("node") is not None and (NODE / "node_modules" / "scimmy-routers").is_dir()


class Scimmy(Server):
    """SCIMMY, whose users are added over HTTP."""

    def command(self) -> list[str]:
        return ["node", str(NODE / "scimmy.mjs"), str(self.port)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/scim"

    def is_up(self) -> bool:
        return bool(self.call("GET", "/Users").ok)

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
        return self.http.request(method, self.url + path, headers=headers, timeout=60, **options)

    def add_user(self, user_name: str, given_name: str, **name: str) -> str:
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:User", IDENTITY]
        user = {"schemas": schemas, "userName": user_name, "name": {"givenName": given_name, **name}}
        answer = self.call("POST", "/Users", json=user | {IDENTITY: {"birthdate": "1990-01-01"}})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def status(self, user_id: str) -> dict[str, Any]:
        extension: dict[str, Any] = self.call("GET", f"/Users/{user_id}").json()[IDENTITY]
        return {name: value for name, value in extension.items() if name != "birthdate"}
