"""The directories of all tenants, each opened on first use.

Tenants without a directory use the embedded one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

from sqlalchemy import Connection

from connector.directory import RemoteDirectory
from connector.directory.local import AskedValues, LocalDirectory
from connector.directory.signed_answers import AnswerVerifier, SignedAnswers
from connector.domain.tenancy import DirectoryChoice, Tenant
from connector.store.batch import Ask, nothing


class Directories:
    """Reads users' values from their directories; shared by the threads of a process, of which there are `threads`.

    At most half of them may wait for one directory, and three quarters for all: directories that do not answer leave a
    quarter to tenants without one. `verifier` verifies signed answers of UserInfo.
    """

    def __init__(
        self, local: LocalDirectory, *, proxy: str = "", threads: int = 8, verifier: AnswerVerifier | None = None
    ) -> None:
        self._local = local
        self._verifier = verifier
        self._proxy = proxy
        self._places = max(1, threads // 2)
        self._shared = threading.BoundedSemaphore(max(1, threads - max(1, threads // 4)))
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[DirectoryChoice, RemoteDirectory]] = {}

    def remote(self, tenant: Tenant) -> RemoteDirectory | None:
        """Return the directory of a tenant's users, None for the embedded one; raises `ConfigurationError`."""
        choice = tenant.directory
        if choice.is_local:
            return None
        with self._lock:
            opened = self._opened.get(tenant.name)
            if opened is None or opened[0] != choice:
                from connector.directory.opening import open_directory  # noqa: PLC0415  few installations have one

                signed = SignedAnswers(self._verifier, tenant, choice.answer_audiences) if self._verifier else None
                remote = open_directory(choice, self._proxy, self._places, self._shared, signed)
                opened = self._opened[tenant.name] = choice, remote
            return opened[1]

    def share(self, connection: Connection, tenant: Tenant, user_id: str) -> Mapping[str, str] | None:
        """Return a user's values in the embedded directory, which cannot change until the transaction ends."""
        return self._local.share(connection, tenant, user_id)

    def ask(self, connection: Connection, tenant: Tenant, user_id: str) -> AskedValues | None:
        """Send the queries for a user's values in the embedded directory; None if the tenant has another one."""
        return self._local.ask(connection, tenant, user_id) if self.remote(tenant) is None else None

    def is_readable(self, tenant: Tenant) -> bool:
        """Whether values can be read without the user's access token."""
        remote = self.remote(tenant)
        return remote is None or remote.is_readable

    def has_user(self, tenant: Tenant, user_id: str) -> bool:
        """Whether there is such a user; in a directory that needs the user's token, every user is assumed to exist."""
        remote = self.remote(tenant)
        if remote is None:
            return self._local.has_user(tenant, user_id)
        return not remote.is_readable or remote.values(user_id) is not None

    def values(
        self,
        tenant: Tenant,
        user_id: str,
        access_token: str | None = None,
        *,
        at_most: float = math.inf,
        ask: Ask = nothing,
    ) -> Mapping[str, str] | None:
        """Return a user's values by claim URI; None if there is no such user.

        `ask` sends further queries to the connector's database, in the same round trip if the values are there.
        `access_token` is the user's own, in the user's own request. `at_most` limits a remote directory, in seconds.
        Raises `DirectoryError`.
        """
        remote = self.remote(tenant)
        if remote is None:
            return self._local.values(tenant, user_id, ask)
        return remote.values(user_id, access_token, at_most=at_most)
