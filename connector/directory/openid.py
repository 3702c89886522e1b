"""OpenID's names of claims, by claim URI: the members of UserInfo that dialect files name (`[userinfo.claims]`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connector.directory.dialects import read_userinfo
from connector.errors import ConfigurationError
from connector.shipped import directory_dialect

SHIPPED = ("oidc", "wso2")


def openid_names(files: Sequence[str]) -> dict[str, str]:
    """Return OpenID's name of each claim in the files, or by default in the included ones.

    Raises `ConfigurationError` if a file cannot be read, or two files name a claim differently.
    """
    names: dict[str, str] = {}
    for file in map(Path, files) if files else map(directory_dialect, SHIPPED):
        for uri, paths in read_userinfo(file).claims.items():
            if names.setdefault(uri, paths[0].name) != paths[0].name:
                raise ConfigurationError(
                    f"openid_dialects: {file.name} must name {uri} {names[uri]}, as another file does."
                )
    return names
