"""The shipped dialects, and the requirements of dialect files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.directory.dialects import Dialect, read_keycloak, read_scim, read_userinfo
from connector.directory.opening import open_directory
from connector.domain.people.written_status import WrittenStatus
from connector.domain.tenancy import DirectoryChoice
from connector.errors import ConfigurationError
from connector.shipped import dialects, directory_dialect

SHIPPED = [
    ("wso2", read_scim),
    ("scim", read_scim),
    ("keycloak", read_scim),
    ("keycloak", read_keycloak),
    ("oidc", read_userinfo),
    ("auth0", read_userinfo),
]


@pytest.mark.parametrize(("name", "read"), SHIPPED)
def test_a_shipped_dialect_has_the_claims_that_providers_map(name: str, read: Callable[[Path], Dialect[Any]]) -> None:
    claims = dialects()["wso2" if name == "wso2" else "oidc"]
    assert set(read(directory_dialect(name)).claims) == set(claims)


@pytest.mark.parametrize(("name", "read"), [each for each in SHIPPED if each[1] is not read_userinfo])
def test_a_shipped_dialect_has_attributes_for_the_status(name: str, read: Callable[[Path], Dialect[Any]]) -> None:
    assert set(read(directory_dialect(name)).status) == {"verified", "claims", "time", "provider"}


def test_the_first_path_with_a_value_is_used(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[scim.claims]\nname = ["displayName", "name.formatted"]\nnick = "nickName"\n')
    dialect = read_scim(file)
    assert dialect.values({"displayName": " ", "name": {"formatted": "Ann"}, "nickName": ["a", "b"]}) == {"name": "Ann"}


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (read_scim, "[userinfo.claims]\na = 'b'", r"must have a table \[scim.claims\]"),
        (read_scim, "[scim.claims]", r"\[scim.claims\] must name at least one claim"),
        (read_scim, "scim = 7", r"must have a table \[scim.claims\]"),
        (read_scim, "[scim]\nclaims = 7", "must be tables"),
        (read_scim, "[scim.claim]\na = 'b'", r"\[scim.claim\] must be one of claims, status, claim_status"),
        (read_scim, "[scim.claims]\na = 7", "a must be a path, as text"),
        (read_scim, "[scim.claims]\na = []", "a must have at least one path"),
        (read_scim, "[scim.claims]\na = 'b c'", "a must be a path such as"),
        (read_scim, "[scim.claims]\n'' = 'b'", "the claim '' must not be empty"),
        (read_scim, "[scim.claims]\na = 'b'\n[scim.status]\nwhen = 'c'", r"\[scim.status\] when must be one of"),
        (read_scim, "[scim.claims]\na = 'b'\n[scim.status]\nverified = 'B'", "must not name an attribute that holds a"),
        (read_scim, "[scim.claims]\na = 'b.c'\n[scim.status]\nverified = 'b'", "must not name an attribute that holds"),
        (read_scim, "[scim.claims]\na = 'b'\n[scim.claim_status]\na = 'b.v'", "must not name an attribute that holds"),
        (read_scim, "[scim.claims]\na = 'b'\n[scim.status]\nverified = 'c'\ntime = 'c'", "name every attribute once"),
        (read_scim, "[scim.claims]\na='b'\n[scim.status]\nverified='c[d eq true].e'", "attributes without a filter"),
        (read_scim, "[scim.claims]\na='b'\n[scim.status]\nverified={path='c', type='flag'}", "boolean, list or text"),
        (read_scim, "[scim.claims]\na='b'\n[scim.status]\nverified={path='c', kind='text'}", "boolean, list or text"),
        (read_scim, "[scim.claims]\na='b'\n[scim.status]\nverified={type='text'}", "verified must be a path, as text"),
        (read_scim, "[scim.claims]\na='b'\n[scim.status]\ntime={path='c', type='boolean'}", "not a flag"),
        (read_keycloak, "[keycloak.claims]\na = 'firstName'\n[keycloak.status]\nverified='c'", "as attributes.<name>"),
        (read_userinfo, "[userinfo.claims]\na = 'b'\n[userinfo.status]\nverified = 'c'", "must have claims only"),
        (read_userinfo, "[userinfo.claims]\na = 'b..c'", "a must be the name of a member"),
        (read_userinfo, "[userinfo.claims", "must be TOML"),
        (read_userinfo, f"a = {'9' * 5000}", "must be readable TOML"),
        (read_userinfo, f"a = {'[' * 5000}{']' * 5000}", "must be readable TOML"),
        (read_userinfo, "\xff", "must be UTF-8"),
    ],
)
def test_an_invalid_dialect_is_refused(tmp_path: Path, read: Callable[[Path], object], text: str, words: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=rf"mine.toml: .*{words}"):
        read(file)


def test_the_status_is_written_in_the_types_of_the_dialect(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        [scim.claims]
        name = "displayName"
        [scim.status]
        verified = "v"
        claims = { path = "c", type = "text" }
        time = { path = "t", type = "list" }
        provider = "p"
        [scim.claim_status]
        name = { path = "n", type = "text" }
        dob = "d"
        more = { path = "m", type = "list" }
        """
    )
    status = WrittenStatus(True, ["dob", "name"], "now", None, {"name": True, "dob": False, "more": True})
    written = {path.text: value for path, value in read_scim(file).written(status)}
    assert written == {
        "v": True,
        "c": "dob name",
        "t": ["now"],
        "p": None,
        "n": "true",
        "d": False,
        "m": ["true"],
    }
    nothing = {path.text: value for path, value in read_scim(file).written(WrittenStatus(False, []))}
    assert nothing == {"v": False, "c": None, "t": None, "p": None, "n": None, "d": None, "m": None}


@pytest.mark.parametrize("table", ["status", "claim_status"])
def test_writing_the_status_requires_attributes_for_it(tmp_path: Path, table: str) -> None:
    claims = '[scim.claims]\nn = "nickName"\n[keycloak.claims]\nn = "firstName"\n'
    dialect = tmp_path / "dialect.toml"
    for kind in ("scim", "keycloak"):
        dialect.write_text(claims)
        choice = DirectoryChoice(kind=kind, url="https://idp.example", dialect=str(dialect), look_up_by="id")
        open_directory(choice)
        with pytest.raises(ConfigurationError, match=rf"dialect.toml must name an attribute in \[{kind}.status\]"):
            open_directory(replace(choice, writes_status=True))
        name = "verified" if table == "status" else "n"
        dialect.write_text(f'{claims}[{kind}.{table}]\n{name} = "attributes.v"\n')
        open_directory(replace(choice, writes_status=True))


def test_a_missing_dialect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing.toml cannot be read: No such file"):
        read_scim(tmp_path / "nothing.toml")
