"""Users of a SCIM 2 server (RFC 7643, 7644): reading them, and writing their status.

    by id       GET /Users/{id}                     the returned id must be the same
    by filter   GET /Users?filter=userName eq "…"   each result is compared, because a server may ignore the filter

Servers differ. After a 400 to `attributes=` users are read as a whole. `If-Match` is sent if a user has a version, but
correctness does not depend on it: only attributes are written that belong to the connector.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import quote, urlencode

from connector.directory.administered import AdministeredDirectory
from connector.directory.dialects import Dialect
from connector.directory.exchange import Exchange, Reply, Session, is_id
from connector.directory.failures import misunderstood, refused, unreachable
from connector.directory.paths import ScimPath
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.people.written_status import WrittenStatus
from connector.errors import DirectoryError

MEDIA_TYPE = "application/scim+json"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:error"
ERROR_TYPES = frozenset(  # RFC 7644, 3.12
    {"invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget"}
    | {"invalidValue", "invalidVers", "sensitive"}
)
BY_ID = "id"
_DENIED = (401, 403)
_USER_NAME = "username"  # unique by definition, like the id
_NOT_FOUND, _BAD_REQUEST, _PRECONDITION_FAILED = 404, 400, 412
_PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_ROUNDS = 3  # attempts in a race with other changes of the user


@frozen
class ScimUser:
    """A user as the server returned it; `version` is empty if the server has none."""

    resource_id: str
    version: str
    resource: Mapping[str, Any] = field(repr=False)


class ScimDirectory(AdministeredDirectory[ScimUser, ScimPath]):
    """Looks up users by `look_up_by`: `id`, `userName`, or the path of another unique attribute."""

    def __init__(self, exchange: Exchange, dialect: Dialect[ScimPath], look_up_by: ScimPath) -> None:
        super().__init__(exchange, dialect)
        self._look_up_by = look_up_by
        self._wanted = _attributes(dialect, look_up_by)
        self._reads_whole = False

    def attributes_of(self, user: ScimUser) -> Mapping[str, Any]:
        """Return the user's resource."""
        return user.resource

    def write_status(self, user_id: str, status: WrittenStatus, *, at_most: float = math.inf) -> bool:
        """Write a user's status; False if there is no such user. Raises `DirectoryError`.

        Nothing is written if the user already has this status.
        """
        with self._exchange.session(at_most) as session:
            for _ in range(_ROUNDS):
                user = self.find(session, user_id)
                if user is None:
                    return False
                operations = _operations(user, self._dialect.written(status))
                if not operations or self._patch(session, user, operations):
                    return True
        raise unreachable(self._exchange.host, message("the user was changed repeatedly during the write"))

    def _patch(self, session: Session, user: ScimUser, operations: Sequence[Mapping[str, Any]]) -> bool:
        """Change a user; False if the user was changed since it was read, or is gone, and has to be read again."""
        body = {"schemas": [_PATCH_SCHEMA], "Operations": operations}
        reply = session.send(
            "PATCH",
            f"/Users/{quote(user.resource_id, safe='')}",
            body=body,
            media_type=MEDIA_TYPE,
            headers={"If-Match": user.version} if user.version else {},
            purpose=f"the change of {', '.join(each['path'] for each in operations)}",
        )
        if reply.status == _PRECONDITION_FAILED or (reply.status == _NOT_FOUND and _is_scim_error(reply)):
            return False
        if not reply.is_success:
            raise refusal(
                self._exchange.host, reply, f"to the change of {', '.join(each['path'] for each in operations)}"
            )
        return True

    def find(self, session: Session, user_id: str) -> ScimUser | None:
        """Return a user; None if there is none. Raises `DirectoryError`, also if several users match."""
        if self._look_up_by == ScimPath(None, BY_ID):
            return self._get(session, user_id)
        return self._search(session, user_id)

    def _get(self, session: Session, user_id: str) -> ScimUser | None:
        if not is_id(user_id):
            return None
        reply = self._read(session, f"/Users/{quote(user_id, safe='')}", {})
        if reply.status == _NOT_FOUND and _is_scim_error(reply):
            return None
        user = self._user(reply)
        if user.resource_id != user_id:
            raise misunderstood(self._exchange.host, "it is about another user than the requested one")
        return user

    def _search(self, session: Session, user_id: str) -> ScimUser | None:
        query = f"{self._look_up_by.text} eq {json.dumps(user_id, ensure_ascii=False)}"
        reply = self._read(session, "/Users", {"filter": query})
        resources = self._resources(reply)
        users = [self._user(Reply(reply.status, each)) for each in resources]
        matches = [user for user in users if self._look_up_by.read(user.resource) == user_id]
        self._check_matches(users, matches, reply.content.get("totalResults"))
        return matches[0] if matches else None

    def _check_matches(self, users: Sequence[ScimUser], matches: Sequence[ScimUser], total: object) -> None:
        """Raise if the answer does not show that exactly one user, or none, matches."""
        host, by = self._exchange.host, self._look_up_by.text
        if len(matches) > 1:
            raise misunderstood(host, f"more than one user has the {by} that was asked for")
        is_sure = isinstance(total, int) and total == len(users) == len(matches)
        if not is_sure and not (matches and by.lower() == _USER_NAME):
            raise misunderstood(host, f"it has other users than those with the {by} that was asked for")

    def _read(self, session: Session, path: str, query: Mapping[str, str]) -> Reply:
        """Read only the required attributes; if the server refuses to select them, all."""
        if not self._reads_whole:
            selected = {**query, "attributes": ",".join(self._wanted)}
            reply = session.send("GET", f"{path}?{urlencode(selected, quote_via=quote)}", media_type=MEDIA_TYPE)
            if reply.status != _BAD_REQUEST:
                return reply
        suffix = f"?{urlencode(query, quote_via=quote)}" if query else ""
        reply = session.send("GET", path + suffix, media_type=MEDIA_TYPE)
        self._reads_whole = self._reads_whole or reply.is_success
        return reply

    def _resources(self, reply: Reply) -> list[Mapping[str, Any]]:
        self._check_success(reply)
        total, resources = reply.content.get("totalResults"), reply.content.get("Resources", [])
        is_list = isinstance(resources, list) and all(isinstance(each, dict) for each in resources)
        if not is_list or not isinstance(total, int) or isinstance(total, bool):
            raise misunderstood(self._exchange.host, "it must be a SCIM list of users")
        return list(resources)

    def _user(self, reply: Reply) -> ScimUser:
        self._check_success(reply)
        resource_id, meta = reply.content.get("id"), reply.content.get("meta")
        if not is_id(resource_id):
            raise misunderstood(self._exchange.host, "it must be a SCIM user with an id")
        version = meta.get("version") if isinstance(meta, dict) else None
        return ScimUser(resource_id, _etag(version), reply.content)

    def _check_success(self, reply: Reply) -> None:
        if not reply.is_success:
            raise refusal(self._exchange.host, reply)


def refusal(host: str, reply: Reply, to: str = "") -> DirectoryError:
    """Create the error for a refusal; only SCIM's error types of the answer are repeated, because other texts may be
    values.
    """
    kind = reply.content.get("scimType")
    said = f"it says {kind}" if isinstance(kind, str) and kind in ERROR_TYPES else ""
    if to and reply.status not in _DENIED:
        said = f"{said}; declare" if said else "declare"
        said += " these attributes at the server, of the types that the dialect says, or correct the dialect"
    return refused(host, reply.status, said, to)


def _operations(user: ScimUser, written: Sequence[tuple[ScimPath, Any]]) -> list[dict[str, Any]]:
    """Return the changes that give the status attributes their required values."""
    operations: list[dict[str, Any]] = []
    for path, value in written:
        current = _current(path.whole(user.resource))
        if value is None and current is not None:
            operations.append({"op": "remove", "path": path.text})
        elif value is not None and current != value:
            operations.append({"op": "replace", "path": path.text, "value": value})
    return operations


def _current(value: Any) -> Any:
    """Return an attribute's value in its written form: a list sorted, an empty one as absent."""
    if isinstance(value, list):
        value = sorted(str(_member_value(each)) for each in value)
    return None if value in ([], "") else value


def _member_value(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _attributes(dialect: Dialect[ScimPath], look_up_by: ScimPath) -> list[str]:
    paths = [path for paths in dialect.claims.values() for path in paths]
    names = [path.attribute for path in (*paths, *dialect.status_paths, look_up_by)]
    return list(dict.fromkeys(["id", "meta", *names]))


def _is_scim_error(reply: Reply) -> bool:
    """Whether a 404 comes from the SCIM server itself: a wrong URL or a proxy must not make a user appear deleted."""
    schemas = reply.content.get("schemas")
    return isinstance(schemas, list) and any(str(each).lower() == ERROR_SCHEMA for each in schemas)


def _etag(version: object) -> str:
    """Return a version that is valid as a header, empty for any other."""
    return version if isinstance(version, str) and version.isascii() and version.isprintable() else ""
