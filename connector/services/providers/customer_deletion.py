"""Deleting what Onfido keeps of a user beyond applicants, after the user was removed here.

Where runs were started with the user's id (`sendUserId`), Onfido files passkeys and biometric tokens under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from connector.errors import RequestError
from connector.services.outbox import Handler, Undeliverable
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.timing import background

DELETE_BUDGET = 25.0  # seconds of Onfido's calls; well below the outbox' lease


@dataclass(frozen=True)
class DeleteCustomer:
    """Delete a user's passkeys and biometric tokens at Onfido."""

    kind: ClassVar[str] = "delete_customer"
    tenant: str
    provider_id: str
    user_id: str


class CustomerDeletion:
    """Deletes passkeys and biometric tokens for the outbox."""

    def __init__(self, providers: Providers, onfido: Onfido) -> None:
        self._providers = providers
        self._onfido = onfido

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """What the outbox delivers here."""
        return [Handler(DeleteCustomer, self.delete)]

    def delete(self, order: DeleteCustomer) -> None:
        """Delete what there is; a user without any will do."""
        try:
            provider = self._providers.of(order)
        except RequestError as error:
            advice = "delete the user's passkeys and biometric tokens at Onfido"
            raise Undeliverable(f"The provider was removed: {advice}.") from error
        onfido = self._onfido.of_provider(provider, background(DELETE_BUDGET))
        onfido.delete_passkeys(order.user_id)
        onfido.delete_biometric_tokens(order.user_id)
