"""Users of a SCIM 2 server (RFC 7643, 7644): looked up, read, and marked with their status.

    by id       GET /Users/{id}                     the id that comes back must be the same
    by filter   GET /Users?filter=userName eq "…"   each that comes back is compared: a server may ignore the filter

Servers differ. After a 400 to `attributes=` users are read whole. `If-Match` is sent where a user has a version, but
nothing rests on it: only attributes are written that nobody else writes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from connector.directory.dialects import Dialect
from connector.directory.exchange import Exchange, Reply, Session
from connector.directory.failures import misunderstood, refused
from connector.directory.paths import ScimPath
from connector.errors import DirectoryError

MEDIA_TYPE = "application/scim+json"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:error"
BY_ID = "id"
_USER_NAME = "username"  # unique by definition, as the id
_NOT_FOUND, _BAD_REQUEST = 404, 400


@dataclass(frozen=True)
class ScimUser:
    """A user as the server has it; `version` is empty where the server keeps none."""

    resource_id: str
    version: str
    resource: Mapping[str, Any] = field(repr=False)


class ScimDirectory:
    """Looks up users by `look_up_by`: `id`, `userName`, or the path of another attribute that names one user."""

    is_readable = True

    def __init__(self, exchange: Exchange, dialect: Dialect[ScimPath], look_up_by: ScimPath) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._look_up_by = look_up_by
        self._wanted = _attributes(dialect, look_up_by)
        self._reads_whole = False

    @property
    def uris(self) -> Collection[str]:
        """The claims that the dialect has attributes for."""
        return self._dialect.claims.keys()

    def values(
        self, user_id: str, access_token: str | None = None, *, at_most: float = math.inf
    ) -> dict[str, str] | None:
        """Return a user's values by claim URI; None where there is no such user. Raises `DirectoryError`."""
        del access_token  # the connector reads with its own
        with self._exchange.session(at_most) as session:
            user = self.find(session, user_id)
        return None if user is None else self._dialect.values(user.resource)

    def find(self, session: Session, user_id: str) -> ScimUser | None:
        """Return a user; None where there is none. Raises `DirectoryError`, also where more than one matches."""
        if self._look_up_by == ScimPath(None, BY_ID):
            return self._get(session, user_id)
        return self._search(session, user_id)

    def _get(self, session: Session, user_id: str) -> ScimUser | None:
        reply = self._read(session, f"/Users/{quote(user_id, safe='')}", {})
        if reply.status == _NOT_FOUND and _is_scim_error(reply):
            return None
        user = self._user(reply)
        if user.resource_id != user_id:
            raise misunderstood(self._exchange.host, "it is about another user than the one asked for")
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
        """Raise where the answer does not show that one user, or none, matches."""
        host, by = self._exchange.host, self._look_up_by.text
        if len(matches) > 1:
            raise misunderstood(host, f"more than one user has the {by} that was asked for")
        is_sure = isinstance(total, int) and total == len(users) == len(matches)
        if not is_sure and not (matches and by.lower() == _USER_NAME):
            raise misunderstood(host, f"it has other users than those with the {by} that was asked for")

    def _read(self, session: Session, path: str, query: Mapping[str, str]) -> Reply:
        """Read only what is needed; from a server that refuses to select attributes, everything."""
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
        if not isinstance(resource_id, str) or not resource_id:
            raise misunderstood(self._exchange.host, "it must be a SCIM user with an id")
        version = meta.get("version") if isinstance(meta, dict) else None
        return ScimUser(resource_id, _etag(version), reply.content)

    def _check_success(self, reply: Reply) -> None:
        if not reply.is_success:
            raise refusal(self._exchange.host, reply)


def refusal(host: str, reply: Reply) -> DirectoryError:
    """Create the error for a refusal; of the answer only SCIM's type of error is repeated."""
    kind = reply.content.get("scimType")
    advice = f"it says {kind}" if isinstance(kind, str) and kind.isalpha() and len(kind) <= 40 else ""  # noqa: PLR2004
    return refused(host, reply.status, advice)


def _attributes(dialect: Dialect[ScimPath], look_up_by: ScimPath) -> list[str]:
    paths = [path for paths in dialect.claims.values() for path in paths]
    names = [path.attribute for path in (*paths, *dialect.status_paths, look_up_by)]
    return list(dict.fromkeys(["id", "meta", *names]))


def _is_scim_error(reply: Reply) -> bool:
    """Whether a 404 is the SCIM server's own: a wrong URL, or a proxy, must not make a user look gone."""
    schemas = reply.content.get("schemas")
    return isinstance(schemas, list) and any(str(each).lower() == ERROR_SCHEMA for each in schemas)


def _etag(version: object) -> str:
    """Return a version that can be sent as a header, empty for any other."""
    return version if isinstance(version, str) and version.isascii() and version.isprintable() else ""
