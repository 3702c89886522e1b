"""The data that an Onfido account stores of a customer besides applicants, under the `customer_user_id` of its runs."""

from __future__ import annotations

from connector.errors import OnfidoError
from connector.onfido.api import OnfidoApi


class Customers(OnfidoApi):
    """`/passkeys` and `/biometric_tokens`; deleting none is not an error."""

    def delete_passkeys(self, customer_user_id: str) -> None:
        """Delete every passkey of a customer."""
        self._delete("passkeys", customer_user_id)

    def delete_biometric_tokens(self, customer_user_id: str) -> None:
        """Invalidate every biometric token of a customer."""
        self._delete("biometric_tokens", customer_user_id)

    def _delete(self, *path: str) -> None:
        try:
            self._send(self._call("DELETE", *path))
        except OnfidoError as error:
            if not error.is_gone:
                raise
