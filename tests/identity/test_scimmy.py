"""Users of a second real SCIM server, SCIMMY of npm: it ignores `If-Match`, and selects no attributes of extensions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from connector.directory.credentials import bearer
from connector.directory.dialects import read_scim
from connector.directory.exchange import Exchange
from connector.directory.limits import Limits
from connector.directory.paths import parse_scim
from connector.directory.scim import ScimDirectory
from connector.domain.written_status import WrittenStatus
from connector.http.client import HttpClient
from connector.shipped import directory_dialect
from tests.identity.servers import NODE, Server

TOKEN = "token of the tests"
IDENTITY = "urn:ietf:params:scim:schemas:extension:identity:2.0:User"
STATUS = WrittenStatus(True, ["birthdate", "given_name"], "2026-01-02T03:04:05Z", "Onfido", {})


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

    def add_user(self, user_name: str, given_name: str) -> str:
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:User", IDENTITY]
        user = {"schemas": schemas, "userName": user_name, "name": {"givenName": given_name}}
        answer = self.call("POST", "/Users", json=user | {IDENTITY: {"birthdate": "1990-01-01"}})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def status(self, user_id: str) -> dict[str, Any]:
        extension: dict[str, Any] = self.call("GET", f"/Users/{user_id}").json()[IDENTITY]
        return {name: value for name, value in extension.items() if name != "birthdate"}


@pytest.fixture(scope="module")
def scimmy() -> Iterator[Scimmy]:
    """SCIMMY, of npm."""
    if shutil.which("node") is None or not (NODE / "node_modules" / "scimmy-routers").is_dir():
        pytest.skip("SCIMMY: not installed (npm --prefix tests/identity/node ci)")
    running = Scimmy()
    with running:
        yield running


def directory_of(scimmy: Scimmy, look_up_by: str = "id") -> ScimDirectory:
    exchange = Exchange(HttpClient(), scimmy.url, bearer(TOKEN), Limits("scimmy", seconds=60, places=4))
    return ScimDirectory(exchange, read_scim(directory_dialect("scim")), parse_scim(look_up_by))


def test_users_are_read_whole_after_a_refusal_to_select(scimmy: Scimmy) -> None:
    user_id = scimmy.add_user("ann", "Ann")
    scimmy.add_user("bob", "Bob")
    values = {"given_name": "Ann", "birthdate": "1990-01-01"}
    assert directory_of(scimmy).values(user_id) == values
    assert directory_of(scimmy, "userName").values("ann") == values
    assert directory_of(scimmy).values("nobody") is None
    assert directory_of(scimmy, "userName").values("nobody") is None


def test_the_status_is_written_and_taken_away(scimmy: Scimmy) -> None:
    user_id = scimmy.add_user("eve", "Eve")
    directory = directory_of(scimmy)
    assert directory.write_status(user_id, STATUS)
    assert scimmy.status(user_id) == {
        "verified": True,
        "verifiedClaims": ["birthdate", "given_name"],
        "verifiedAt": "2026-01-02T03:04:05Z",
        "verificationProvider": "Onfido",
    }
    assert directory.write_status(user_id, WrittenStatus(False, ["birthdate"]))
    assert scimmy.status(user_id) == {"verified": False, "verifiedClaims": ["birthdate"]}
    assert directory.write_status(user_id, WrittenStatus())
    assert scimmy.status(user_id) == {}
    assert directory.values(user_id) == {"given_name": "Eve", "birthdate": "1990-01-01"}
    assert not directory.write_status("nobody", STATUS)
