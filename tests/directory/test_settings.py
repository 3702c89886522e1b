"""The settings of a directory: required and forbidden members of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.directory.directories import Directories
from connector.directory.keycloak import KeycloakDirectory
from connector.directory.opening import open_directory
from connector.directory.scim import ScimDirectory
from connector.directory.userinfo import UserInfoDirectory
from connector.domain.tenancy import DirectoryChoice, Tenant
from connector.errors import ConfigurationError
from connector.settings.directory import DirectorySettings

URL = "https://idp.example.com/scim2"
CLIENT: dict[str, Any] = {
    "token_url": "https://idp.example.com/token",
    "client_id": "connector",
    "client_secret": "env:DIR_SECRET",
}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIR_SECRET", "secret of the tests")


@pytest.mark.parametrize(
    ("given", "expected", "look_up_by"),
    [
        ({"kind": "scim", **CLIENT}, ScimDirectory, "id"),
        ({"kind": "scim", "dialect": "wso2", "look_up_by": "userName", **CLIENT}, ScimDirectory, "userName"),
        ({"kind": "scim", "username": "admin", "password": "env:DIR_SECRET"}, ScimDirectory, "id"),
        ({"kind": "scim", "bearer_token": "env:DIR_SECRET"}, ScimDirectory, "id"),
        ({"kind": "scim", "client_auth": "client_secret_post", "audience": "a", **CLIENT}, ScimDirectory, "id"),
        ({"kind": "keycloak", **CLIENT}, KeycloakDirectory, "id"),
        ({"kind": "keycloak", "look_up_by": "username", **CLIENT}, KeycloakDirectory, "username"),
        ({"kind": "userinfo"}, UserInfoDirectory, "sub"),
        ({"kind": "userinfo", "look_up_by": "oid"}, UserInfoDirectory, "oid"),
    ],
)
def test_every_kind_opens_its_directory(given: dict[str, Any], expected: type, look_up_by: str) -> None:
    choice = DirectorySettings(url=URL, **given).choice()
    assert isinstance(open_directory(choice), expected)
    assert choice.look_up_by == look_up_by
    assert "secret of the tests" not in repr(choice)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "ldap"}, "kind must be one of local, scim, keycloak, userinfo"),
        ({"kind": "local", "url": URL}, "url must not be set for a directory of the kind local"),
        ({"kind": "userinfo", "url": URL, "scope": "a"}, "scope must not be set for a directory of the kind userinfo"),
        ({"kind": "scim", "url": URL, "answer_audiences": ("shop",), **CLIENT}, "answer_audiences must not be set"),
        ({"kind": "local", "answer_audiences": ("shop",)}, "answer_audiences must not be set"),
        ({"kind": "userinfo", "url": URL, "answer_audiences": ("shop", " ")}, "must not contain an empty text"),
        ({"kind": "scim"}, "url must be set for a directory of the kind scim"),
        ({"kind": "scim", "url": URL}, "Exactly one of token_url, username and bearer_token must be set"),
        ({"kind": "scim", "url": URL, "username": "a"}, "password must be set with username"),
        ({"kind": "scim", "url": URL, "token_url": URL}, "client_id must be set with token_url"),
        ({"kind": "scim", "url": URL, "username": "a", "password": "env:A", **CLIENT}, "Exactly one of token_url"),
        ({"kind": "scim", "url": "http://idp.example.com"}, "url must be an https URL"),
        ({"kind": "scim", "url": URL + "?a=b"}, "url must be an https URL"),
        ({"kind": "keycloak", "url": URL, "look_up_by": "email", **CLIENT}, "look_up_by must be id or username"),
        ({"kind": "scim", "url": URL, "bearer_token": "secret itself"}, "bearer_token must be env:NAME"),
        ({"kind": "scim", "url": URL, "timeout": 0.0, **CLIENT}, "timeout must be greater than 0, and at most 300"),
        ({"kind": "scim", "url": URL, "gone_users": "delete", **CLIENT}, "gone_users must be one of"),
    ],
)
def test_missing_and_foreign_settings_of_a_kind_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        DirectorySettings(**given)
    assert "secret itself" not in str(caught.value)


def test_a_local_directory_needs_no_settings() -> None:
    assert DirectorySettings().choice() == DirectoryChoice()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"look_up_by": "not a path"}, "look_up_by must be a path such as"),
        ({"dialect": "nothing"}, "nothing.toml cannot be read"),
        ({"dialect": "oidc"}, r"it must have a table \[scim.claims\]"),
        ({"ca_file": "/nowhere/ca.pem"}, "CA file /nowhere/ca.pem cannot be read"),
    ],
)
def test_faulty_files_of_a_directory_are_reported_when_it_is_opened(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        open_directory(DirectorySettings(kind="scim", url=URL, **CLIENT, **changes).choice())


def test_a_directory_is_opened_once_and_again_when_its_settings_change(tmp_path: Path) -> None:
    directories = Directories(None)  # type: ignore[arg-type]  # no tenant here has the embedded one
    first = DirectorySettings(kind="scim", url=URL, **CLIENT).choice()
    opened = directories.remote(Tenant("acme", first))
    assert directories.remote(Tenant("acme", first)) is opened
    assert directories.remote(Tenant("other", first)) is not opened
    dialect = tmp_path / "mine.toml"
    dialect.write_text('[scim.claims]\nname = "displayName"\n')
    changed = DirectorySettings(kind="scim", url=URL, dialect=str(dialect), **CLIENT).choice()
    second = directories.remote(Tenant("acme", changed))
    assert second is not opened
    assert second is not None
    assert list(second.uris) == ["name"]
    assert directories.remote(Tenant("local")) is None
