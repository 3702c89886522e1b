"""OpenID's names of claims, from dialect files."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.directory.openid import openid_names
from connector.errors import ConfigurationError
from tests.values import BIRTH_DATE, GIVEN_NAME


def written(folder: Path, name: str, lines: str) -> str:
    file = folder / name
    file.write_text(f"[userinfo.claims]\n{lines}\n")
    return str(file)


def test_wso2_and_openid_claims_are_named_by_default() -> None:
    names = openid_names(())
    assert (names[GIVEN_NAME], names[BIRTH_DATE], names["given_name"]) == ("given_name", "birthdate", "given_name")
    assert names["http://wso2.org/claims/locality"] == names["address.locality"] == "address.locality"


def test_configured_files_replace_the_defaults(tmp_path: Path) -> None:
    files = [
        written(tmp_path, "a.toml", '"urn:name" = "given_name"'),
        written(tmp_path, "b.toml", 'town = ["x.y", "z"]'),
    ]
    assert openid_names(files) == {"urn:name": "given_name", "town": "x.y"}


def test_two_names_for_one_claim_are_refused(tmp_path: Path) -> None:
    files = [written(tmp_path, name, f'claim = "{name[0]}"') for name in ("a.toml", "b.toml")]
    with pytest.raises(ConfigurationError, match=r"openid_dialects: b\.toml must name claim a"):
        openid_names(files)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml cannot be read"):
        openid_names(["/nowhere.toml"])
