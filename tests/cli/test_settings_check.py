"""`connector check-settings`: the checks of all parts in the settings, with real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.access.asked import CLIENT_ID, SECRET, Asked
from tests.api.test_auth import AUDIENCE, AuthIssuer
from tests.cli.conftest import Run
from tests.directory.faulty import FaultyDirectory, Reply
from tests.identity import scim_server
from tests.identity.scim_server import ScimServer


@dataclass
class Site:
    """A connector's settings, and the servers that they name."""

    run: Run
    config: Path
    signing: AuthIssuer
    opaque: Asked
    scim: ScimServer

    def write(self, **directory: Any) -> None:
        """Write settings with an issuer of each kind, and a tenant whose users are in the SCIM server."""
        members = {
            "kind": "scim",
            "url": self.scim.url,
            "look_up_by": "userName",
            "token_url": self.scim.token_url,
            "client_id": scim_server.CLIENT_ID,
            "client_secret": "env:SCIM_SECRET",
        } | directory
        self.config.write_text(
            f'[[issuers]]\nissuer = "{self.signing.identifier}"\naudience = "{AUDIENCE}"\n'
            f'[[tenants]]\nname = "acme"\n[[tenants.issuers]]\nissuer = "{self.opaque.identifier}"\n'
            f'audience = "connector"\ntoken_format = "opaque"\nclient_id = "{CLIENT_ID}"\n'
            'client_secret = "env:AS_SECRET"\n[tenants.directory]\n'
            + "".join(f"{name} = {json.dumps(value)}\n" for name, value in members.items())
        )

    def check(self, *options: str) -> tuple[int, dict[str, bool | None], dict[str, str]]:
        """Return the exit status, and by tenant and name whether each check passed, and its sentence."""
        result = self.run("--config", str(self.config), "check-settings", "--json", *options)
        view = json.loads(result.stdout)
        assert view["passed"] is (result.exit_code == 0)
        named = {f"{each['tenant'] or ''} {each['check']}".strip(): each for each in view["checks"]}
        passed = {name: each["passed"] for name, each in named.items()}
        return result.exit_code, passed, {name: each["detail"] for name, each in named.items()}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[AuthIssuer, Asked, ScimServer]]:
    signing, opaque = AuthIssuer(), Asked()
    with ScimServer() as scim:
        yield signing, opaque, scim
    signing.close()
    opaque.close()


@pytest.fixture
def site(
    run: Run, tmp_path: Path, servers: tuple[AuthIssuer, Asked, ScimServer], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setenv("AS_SECRET", SECRET)
    monkeypatch.setenv("SCIM_SECRET", scim_server.CLIENT_SECRET)
    signing, opaque, scim = servers
    scim.empty()
    site = Site(run, tmp_path / "settings.toml", signing, opaque, scim)
    site.write()
    yield site
    signing.come_back()
    opaque.status = 200


EVERYTHING = {
    "carbon.super discovery": True,
    "carbon.super keys": True,
    "acme discovery": True,
    "acme introspection": True,
    "database": True,
    "schema": True,
    "writes": True,
    "acme token": True,
    # Nothing runs, and the database is a file.
    "mode": True,
    "clock": None,
    "processes": None,
    "reach": None,
    "buffering": None,
}


def test_every_passed_check_is_one_line(site: Site) -> None:
    site.scim.add_user("ann", name={"givenName": "Ann"})
    status, passed, details = site.check("--tenant", "acme", "--user", "ann")
    assert (status, passed) == (0, EVERYTHING | {"acme user": True})
    assert "first" in details["carbon.super keys"]
    assert "Ann" not in str(details), "values are not shown"

    result = site.run("--config", str(site.config), "check-settings", "--tenant", "acme", "--user", "ann")
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"ok", "-"}


def test_user_lookups_are_skipped_if_no_user_is_named(site: Site) -> None:
    assert site.check()[:2] == (0, EVERYTHING | {"acme user": None})
    assert not any("/Users" in line for line in site.scim.requests)


def test_an_unknown_user_is_a_failure(site: Site) -> None:
    status, passed, details = site.check("--tenant", "acme", "--user", "nobody")
    assert (status, passed) == (1, EVERYTHING | {"acme user": False})
    assert "nobody" in details["acme user"]


def test_a_user_of_the_embedded_directory_is_looked_up(site: Site) -> None:
    site.run("user", "add", "ben", "-a", "http://wso2.org/claims/givenname=Ben")
    assert site.check("--user", "ben")[:2] == (0, EVERYTHING | {"acme user": None, "carbon.super user": True})
    assert site.check("--user", "nobody")[1]["carbon.super user"] is False


def test_an_unreachable_issuer_fails_alone(site: Site) -> None:
    site.signing.go_down()
    status, passed, details = site.check()
    failed = {"carbon.super discovery": False, "carbon.super keys": False}
    assert (status, passed) == (1, EVERYTHING | failed | {"acme user": None})
    assert "503" in details["carbon.super discovery"]


def test_an_issuer_without_usable_keys_is_distinguished_from_one_without_discovery(site: Site) -> None:
    site.signing.publish()
    try:
        assert site.check()[1] == EVERYTHING | {"carbon.super keys": False, "acme user": None}
    finally:
        site.signing.rotate("first")


@pytest.mark.parametrize("answer", [401, 403, 500, 503])
def test_refused_introspection_fails(site: Site, answer: int) -> None:
    site.opaque.status = answer
    status, passed, details = site.check()
    assert (status, passed) == (1, EVERYTHING | {"acme introspection": False, "acme user": None})
    assert SECRET not in str(details)


@pytest.mark.parametrize("answer", ["401 Unauthorized", "500 Internal Server Error"])
def test_a_directory_that_grants_no_token_fails(site: Site, answer: str) -> None:
    site.scim.fault = ("POST /token", answer)
    status, passed, details = site.check("--tenant", "acme", "--user", "ann")
    assert (status, passed) == (1, EVERYTHING | {"acme token": False, "acme user": False})
    assert scim_server.CLIENT_SECRET not in str(details)


def test_userinfo_is_read_only_with_the_users_own_token(site: Site) -> None:
    url = f"{site.scim.root}/userinfo"
    site.write(kind="userinfo", url=url, look_up_by="sub", token_url="", client_id="", client_secret="")
    _, passed, details = site.check("--tenant", "acme", "--user", "ann")
    assert ("acme token" in passed, passed["acme user"], passed["acme userinfo"]) == (False, None, True)
    assert "own access token" in details["acme user"]


@pytest.mark.parametrize(
    ("answer", "advice"), [("404 Not Found", "correct its URL"), ("503 Service Unavailable", "gave no answer")]
)
def test_a_wrong_userinfo_url_fails(site: Site, answer: str, advice: str) -> None:
    url = f"{site.scim.root}/userinfo"
    site.write(kind="userinfo", url=url, look_up_by="sub", token_url="", client_id="", client_secret="")
    site.scim.fault = ("GET /userinfo", answer)
    status, passed, details = site.check("--tenant", "acme")
    assert (status, passed["acme userinfo"]) == (1, False)
    assert advice in details["acme userinfo"]


@pytest.mark.parametrize(
    ("reply", "passed"),
    [
        (Reply(401), True),
        (Reply(403), True),
        (Reply(200, {"sub": "ann"}), False),
        (Reply(200, {"sub": "somebody else"}), False),
        (Reply(200, b"<html>"), False),
        (Reply(302, headers={"Location": "/"}), False),
    ],
)
def test_userinfo_must_refuse_an_invalid_access_token(site: Site, reply: Reply, passed: bool) -> None:
    with FaultyDirectory() as directory:
        directory.replies = [reply]
        site.write(kind="userinfo", url=directory.url, look_up_by="sub", token_url="", client_id="", client_secret="")
        assert site.check("--tenant", "acme", "--user", "ann")[1]["acme userinfo"] is passed
        assert len(directory.requests) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("[[tenants", "must be TOML"),
        ("tenant = 1", "There is no setting tenant"),
        ('[[tenants]]\nname = "a"\n[tenants.directory]\nkind = "scim"\nurl = "https://a.example"\n', "token_url"),
    ],
)
def test_faulty_settings_are_reported(site: Site, fault: str, reason: str) -> None:
    site.config.write_text(fault)
    result = site.run("--config", str(site.config), "check-settings")
    assert (result.exit_code, reason in result.stderr) == (1, True)


def test_every_obstacle_to_a_start_is_reported(site: Site) -> None:
    site.write(dialect="nothing")
    status, passed, details = site.check()
    assert (status, passed["start"]) == (1, False)
    assert "claim dialect" in details["start"]
    assert "reach" not in passed


def test_an_unreachable_database_fails_alone(site: Site) -> None:
    result = site.run(
        "--config", str(site.config), "check-settings", "--json", CONNECTOR_DATABASE_URL="postgresql://127.0.0.1:1/none"
    )
    failed = [each["check"] for each in json.loads(result.stdout)["checks"] if each["passed"] is False]
    assert (result.exit_code, failed) == (1, ["database"])
