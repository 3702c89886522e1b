"""Dialects: the mapping of claims to a directory's attributes, and the attributes of the status.

    [scim.claims]        claim URI = SCIM path, or a list of paths of which the first with a value is used
    [scim.status]        the status of a user: verified, claims, time, provider = SCIM path
    [scim.claim_status]  claim URI = SCIM path of this claim's flag
                         instead of a path also { path = "…", type = "boolean", "list" or "text" }
    [keycloak.…]         the same with the attributes of Keycloak's Admin REST API
    [userinfo.claims]    claim URI = member of the UserInfo answer, which is read-only

A file may have tables for several kinds of directories. `config/claims/` has one for each product.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from pathlib import Path as File
from typing import Any, Generic, TypeVar

from connector.directory.paths import MemberPath, Path, ScimPath, as_text, parse_member, parse_scim
from connector.domain.frozen import frozen
from connector.domain.people.user_ids import name_objection
from connector.domain.people.written_status import WrittenStatus
from connector.errors import ConfigurationError

SCIM, KEYCLOAK, USERINFO = "scim", "keycloak", "userinfo"
VERIFIED, CLAIMS, TIME, PROVIDER = "verified", "claims", "time", "provider"
STATUS_MEMBERS = (VERIFIED, CLAIMS, TIME, PROVIDER)
BOOLEAN, LIST, TEXT = "boolean", "list", "text"  # types of attributes that the status is written to
_USUAL = {VERIFIED: BOOLEAN, CLAIMS: LIST, TIME: TEXT, PROVIDER: TEXT}  # and of a claim's flag: boolean
_TABLES = ("claims", "status", "claim_status")

P = TypeVar("P", bound=Path)


@frozen
class StatusAttribute(Generic[P]):
    """An attribute of the status, and its type: a flag, a list of texts, or one text."""

    path: P
    type: str

    def written(self, value: bool | Sequence[str] | str | None) -> bool | list[str] | str | None:
        """Return a value in the form of this attribute; None if the attribute has to be absent."""
        if value is None or value == []:
            return None
        if isinstance(value, bool):
            return value if self.type == BOOLEAN else _listed(str(value).lower(), self.type)
        if isinstance(value, str):
            return _listed(value, self.type)
        return list(value) if self.type == LIST else " ".join(value)


@frozen
class Dialect(Generic[P]):
    """The attributes of one kind of directory: of claims, and of the status by its members and by claim."""

    claims: Mapping[str, Sequence[P]]
    status: Mapping[str, StatusAttribute[P]] = field(default_factory=dict)
    claim_status: Mapping[str, StatusAttribute[P]] = field(default_factory=dict)

    def values(self, user: Mapping[str, Any]) -> dict[str, str]:
        """Return a user's values by claim URI, without blank ones."""
        values = {uri: _first(paths, user) for uri, paths in self.claims.items()}
        return {uri: value for uri, value in values.items() if value is not None}

    @property
    def status_paths(self) -> list[P]:
        """The attributes to which the status is written."""
        return [each.path for each in (*self.status.values(), *self.claim_status.values())]

    def written(self, status: WrittenStatus) -> list[tuple[P, bool | list[str] | str | None]]:
        """Return the required value of each status attribute; None: it has to be absent."""
        members = [(each, getattr(status, name)) for name, each in self.status.items()]
        flags = [(each, status.of_claims.get(uri)) for uri, each in self.claim_status.items()]
        return [(each.path, each.written(value)) for each, value in (*members, *flags)]


def read_scim(file: File) -> Dialect[ScimPath]:
    """Read the SCIM part of a dialect file; raises `ConfigurationError`."""
    dialect = _read(file, SCIM, parse_scim)
    if filtered := [path for path in dialect.status_paths if path.by is not None]:
        raise _wrong(file, f"[scim.status] must name attributes without a filter, unlike {filtered[0].attribute}")
    return dialect


def read_keycloak(file: File) -> Dialect[MemberPath]:
    """Read the part for Keycloak's Admin REST API; raises `ConfigurationError`."""
    dialect = _read(file, KEYCLOAK, parse_member)
    if foreign := [path.name for path in dialect.status_paths if not path.name.startswith("attributes.")]:
        raise _wrong(file, f"[keycloak.status] must name attributes as attributes.<name>, unlike {foreign[0]}")
    return dialect


def read_userinfo(file: File) -> Dialect[MemberPath]:
    """Read the part for UserInfo; raises `ConfigurationError`."""
    dialect = _read(file, USERINFO, parse_member)
    if dialect.status_paths:
        raise _wrong(file, "[userinfo] must have claims only: nothing can be written there")
    return dialect


def _read(file: File, kind: str, parse: Callable[[str], P]) -> Dialect[P]:
    tables = _tables(file, kind)
    claims = {uri: _paths(file, uri, paths, parse) for uri, paths in tables["claims"].items()}
    if not claims:
        raise _wrong(file, f"[{kind}.claims] must name at least one claim")
    status = {name: _status(file, name, given, parse) for name, given in tables["status"].items()}
    flags = {uri: _status(file, uri, given, parse) for uri, given in tables["claim_status"].items()}
    dialect = Dialect(claims, status, flags)
    _check(file, kind, dialect)
    return dialect


def _tables(file: File, kind: str) -> dict[str, dict[str, Any]]:
    part = _parse(file).get(kind)
    if not isinstance(part, dict):
        raise _wrong(file, f"it must have a table [{kind}.claims] for a directory of this kind")
    if unknown := sorted(part.keys() - set(_TABLES)):
        raise _wrong(file, f"[{kind}.{unknown[0]}] must be one of {', '.join(_TABLES)}")
    tables = {name: part.get(name, {}) for name in _TABLES}
    if not all(isinstance(table, dict) for table in tables.values()):
        raise _wrong(file, f"[{kind}.claims] and its neighbours must be tables")
    return tables


def _parse(file: File) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The claim dialect {file} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, f"it must be TOML: {error}") from None
    except UnicodeDecodeError:
        raise _wrong(file, "it must be UTF-8") from None
    except (ValueError, RecursionError):  # numbers of thousands of digits, deep nesting
        raise _wrong(file, "it must be readable TOML") from None


def _paths(file: File, uri: str, given: Any, parse: Callable[[str], P]) -> list[P]:
    if objection := name_objection(uri):
        raise _wrong(file, f"the claim {uri[:40]!r} {objection}")
    each = given if isinstance(given, list) else [given]
    if not each:
        raise _wrong(file, f"{uri} must have at least one path")
    return [_path(file, uri, path, parse) for path in each]


def _status(file: File, name: str, given: Any, parse: Callable[[str], P]) -> StatusAttribute[P]:
    table = given if isinstance(given, dict) else {"path": given}
    usual = _USUAL.get(name, BOOLEAN)
    kind = table.get("type", usual)
    if table.keys() - {"path", "type"} or kind not in (BOOLEAN, LIST, TEXT):
        raise _wrong(file, f"{name} must be a path, or a table with path and type: {BOOLEAN}, {LIST} or {TEXT}")
    if kind == BOOLEAN and usual != BOOLEAN:
        raise _wrong(file, f"{name} must be a list or a text, not a flag")
    return StatusAttribute(_path(file, name, table.get("path"), parse), kind)


def _path(file: File, name: str, given: Any, parse: Callable[[str], P]) -> P:
    if not isinstance(given, str):
        raise _wrong(file, f"{name} must be a path, as text")
    try:
        return parse(given)
    except ValueError as error:
        raise _wrong(file, f"{name} {error}") from None


def _check(file: File, kind: str, dialect: Dialect[P]) -> None:
    """Raise if the status has an unknown member, or an attribute that contains a claim's value or another status."""
    if unknown := sorted(dialect.status.keys() - set(STATUS_MEMBERS)):
        raise _wrong(file, f"[{kind}.status] {unknown[0]} must be one of {', '.join(STATUS_MEMBERS)}")
    written = [_key(path) for path in dialect.status_paths]
    values = {_key(path) for paths in dialect.claims.values() for path in paths}
    if len(set(written)) < len(written):
        raise _wrong(file, f"[{kind}.status] must name every attribute once")
    if clash := _overlap(written, values):
        raise _wrong(file, f"[{kind}.status] must not name an attribute that holds a claim's value: {clash}")


def _listed(text: str, kind: str) -> list[str] | str:
    return [text] if kind == LIST else text


def _key(path: Path) -> str:
    return (path.text if isinstance(path, ScimPath) else str(getattr(path, "name", path))).lower()


def _overlap(written: Collection[str], values: Collection[str]) -> str | None:
    """Return a written attribute that is, contains, or is part of one with a claim's value."""
    return next(
        (
            one
            for one in written
            for other in values
            if one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
        ),
        None,
    )


def _first(paths: Sequence[Path], user: Mapping[str, Any]) -> str | None:
    return next((text for path in paths if (text := as_text(path.read(user))) is not None), None)


def _wrong(file: File, why: str) -> ConfigurationError:
    return ConfigurationError(f"The claim dialect {file.name}: {why}.")
