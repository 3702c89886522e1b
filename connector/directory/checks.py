"""Checks whether a tenant's directory answers as its settings expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connector.directory.directories import Directories
from connector.directory.opening import open_login
from connector.domain.messages import message
from connector.domain.providers.readiness import Check
from connector.domain.tenancy import USERINFO, Tenant
from connector.errors import Code, ConnectorError, DirectoryError

TOKEN, USER, ENDPOINT = "token", "user", "userinfo"
PLACEHOLDER = "connector-check-settings"  # instead of an access token


class DirectoryChecks:
    """Requests an access token, if the directory needs one, and looks up one user if an id is given.

    UserInfo is called with an invalid token: if it refuses that, it answers at the right URL.
    """

    def __init__(self, directories: Directories, tenant: Tenant, user_id: str | None, proxy: str = "") -> None:
        self._directories = directories
        self._tenant = tenant
        self._user_id = user_id
        self._proxy = proxy

    def checks(self) -> Iterator[Check]:
        """Run each check."""
        if self._tenant.directory.login.token_url:
            yield _check(TOKEN, self._token)
        if self._tenant.directory.kind == USERINFO:
            yield _check(ENDPOINT, self._endpoint)
        if self._user_id is None:
            yield Check(USER, None, message("No user was looked up: name one with --user."))
        elif not self._directories.is_readable(self._tenant):
            yield Check(USER, None, message("The directory is read with the user's own access token only."))
        else:
            yield _check(USER, lambda: self._look_up(self._user_id or ""))

    def _token(self) -> str:
        choice = self._tenant.directory
        open_login(choice, self._proxy)
        return f"The client {choice.login.client_id} was granted an access token."

    def _endpoint(self) -> str:
        try:
            self._directories.values(self._tenant, self._user_id or PLACEHOLDER, PLACEHOLDER)
        except DirectoryError as error:
            if error.code is Code.NEEDS_THE_USER:
                return "It answers, and refuses an invalid access token."
            raise
        raise _OpenEndpointError("It accepts an invalid access token: check which server answers at its URL.")

    def _look_up(self, user_id: str) -> str:
        values = self._directories.values(self._tenant, user_id)
        if values is None:
            raise _NoUserError(f"There is no user {user_id}.")
        return f"The user {user_id} has values for {', '.join(sorted(values)) or 'no claim'}."


class _OpenEndpointError(ConnectorError):
    """The directory accepts any token."""


class _NoUserError(ConnectorError):
    """The directory has no such user."""


def _check(name: str, make: Callable[[], str]) -> Check:
    try:
        return Check(name, True, make())
    except ConnectorError as error:
        return Check(name, False, error.description)
