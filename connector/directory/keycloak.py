"""Users of Keycloak's Admin REST API, for any Keycloak without SCIM: reading them, and writing their status.

    by id         GET /admin/realms/{realm}/users/{id}
    by username   GET /admin/realms/{realm}/users?username=…&exact=true

Keycloak replaces a user as a whole (PUT), without a version. So the writer holds the lease on the user's row in the
connector's database while the user is read, changed and written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from connector.directory.administered import AdministeredDirectory
from connector.directory.dialects import Dialect
from connector.directory.exchange import Exchange, Reply, Session, is_id
from connector.directory.failures import misunderstood, refused
from connector.directory.paths import MemberPath
from connector.domain.people.written_status import WrittenStatus

BY_ID, BY_USERNAME = "id", "username"
ATTRIBUTES = "attributes."
_NOT_FOUND, _DENIED = 404, (401, 403)
_NO_USER = "user not found"  # Keycloak's message; for a wrong realm it is "Realm not found."


class KeycloakDirectory(AdministeredDirectory[Mapping[str, Any], MemberPath]):
    """Looks up users by `id` or `username`."""

    def __init__(self, exchange: Exchange, dialect: Dialect[MemberPath], look_up_by: str) -> None:
        super().__init__(exchange, dialect)
        self._look_up_by = look_up_by

    def attributes_of(self, user: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the user's representation."""
        return user

    def write_status(self, user_id: str, status: WrittenStatus, *, at_most: float = math.inf) -> bool:
        """Write a user's status; False if there is no such user. Raises `DirectoryError`.

        Nothing is written if the user already has this status.
        """
        with self._exchange.session(at_most) as session:
            user = self.find(session, user_id)
            if user is None:
                return False
            attributes = self._changed(user, status)
            if attributes != (user.get("attributes") or {}):
                self._put(session, {**user, "attributes": attributes})
                self._check_written(session, user_id, status)
        return True

    def _changed(self, user: Mapping[str, Any], status: WrittenStatus) -> dict[str, Any]:
        """Return all of a user's attributes, with the required values of the status."""
        kept = user.get("attributes") or {}
        if not isinstance(kept, dict):
            raise misunderstood(self._exchange.host, "a user's attributes must be an object")
        attributes = dict(kept)
        for path, value in self._dialect.written(status):
            name = path.name.removeprefix(ATTRIBUTES)
            attributes.pop(name, None)
            if value is not None:
                attributes[name] = [str(value).lower() if isinstance(value, bool) else value]
            if isinstance(value, list):
                attributes[name] = value
        return attributes

    def _put(self, session: Session, user: Mapping[str, Any]) -> None:
        names = ", ".join(path.name for path in self._dialect.status_paths)
        purpose = f"the change of {names}"
        reply = session.send("PUT", f"/users/{quote(str(user['id']), safe='')}", body=user, purpose=purpose)
        if not reply.is_success:
            advice = "" if reply.status in _DENIED else "let the realm's user profile allow these attributes"
            raise refused(self._exchange.host, reply.status, advice, f"to {purpose}")

    def _check_written(self, session: Session, user_id: str, status: WrittenStatus) -> None:
        """Raise if Keycloak dropped an attribute, which it does without an error."""
        user = self.find(session, user_id)
        if user is not None and self._changed(user, status) != (user.get("attributes") or {}):
            raise misunderstood(
                self._exchange.host,
                "it dropped attributes of the status: declare them in the realm's user profile, editable by "
                "administrators, or enable unmanaged attributes",
                is_permanent=True,
            )

    def find(self, session: Session, user_id: str) -> Mapping[str, Any] | None:
        """Return a user's representation; None if there is none. Raises `DirectoryError`."""
        if self._look_up_by == BY_ID:
            return self._get(session, user_id)
        query = urlencode({"username": user_id, "exact": "true", "briefRepresentation": "false"}, quote_via=quote)
        return self._only(session.send("GET", f"/users?{query}"), user_id)

    def _get(self, session: Session, user_id: str) -> Mapping[str, Any] | None:
        if not is_id(user_id):
            return None
        reply = session.send("GET", f"/users/{quote(user_id, safe='')}")
        if reply.status == _NOT_FOUND and str(reply.content.get("error", "")).lower() == _NO_USER:
            return None
        self._check_success(reply)
        if reply.content.get("id") != user_id:
            raise misunderstood(self._exchange.host, "it is about another user than the requested one")
        return reply.content

    def _only(self, reply: Reply, user_id: str) -> Mapping[str, Any] | None:
        self._check_success(reply)
        users = reply.items
        if users is None or not all(isinstance(each, dict) and is_id(each.get("id")) for each in users):
            raise misunderstood(self._exchange.host, "it must be a list of users")
        if not users:
            return None
        if len(users) > 1 or users[0].get(BY_USERNAME) != user_id:
            raise misunderstood(self._exchange.host, "it has other users than the one with this username")
        user: Mapping[str, Any] = users[0]
        return user

    def _check_success(self, reply: Reply) -> None:
        if not reply.is_success:
            raise refused(self._exchange.host, reply.status)
