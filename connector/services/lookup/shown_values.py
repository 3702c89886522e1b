"""A user's values for display to an administrator; each display is in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.lookup.readings import Readings
from connector.services.not_found import unknown_user
from connector.services.use_case import use_case
from connector.services.values import UserValues


@use_case
class ShownValues:
    """Returns values for display; the method takes the tenant."""

    _user_values: UserValues
    _readings: Readings

    def show(self, tenant: Tenant, user_id: str, actor: str) -> Mapping[str, str]:
        """Return a user's values by claim URI, after recording this.

        Raise `RequestError` if there is no such user, or the values can only be read in the user's own request.
        """
        if not self._user_values.is_readable(tenant, user_id):
            raise RequestError(
                Code.NEEDS_THE_USER,
                message(
                    "The values of this user can only be read in the user's own request: let the user ask, by /me."
                ),
            )
        self._readings.record_values(tenant, user_id, actor)
        values = self._user_values.read(tenant, user_id)
        if values is None:
            raise unknown_user(user_id)
        return values
