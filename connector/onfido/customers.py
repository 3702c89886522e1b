"""What an Onfido account keeps of a customer beyond applicants, under the `customer_user_id` of its runs."""

from __future__ import annotations

from connector.errors import OnfidoError
from connector.onfido.api import OnfidoApi


class Customers(OnfidoApi):
    """`/passkeys` and `/biometric_tokens`; where there are none, none are deleted."""

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
