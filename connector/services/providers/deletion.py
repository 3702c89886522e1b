"""Deletion at Onfido: of an applicant, and of a user's other data.

Both follow the removal of a user here; an applicant that no verification recorded is deleted as well. If runs were
started with the user's id (`sendUserId`), Onfido stores passkeys and biometric tokens under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from connector.domain.environment import is_elsewhere
from connector.domain.frozen import frozen
from connector.domain.providers.provider import Provider
from connector.errors import OnfidoError, RequestError
from connector.services.outbox import Handler, ProviderPayload, Undeliverable
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.timing import background
from connector.services.use_case import use_case

DELETE_BUDGET = 25.0  # seconds of calls to Onfido; well below the outbox' lease


@frozen
class DeleteApplicant(ProviderPayload):
    """Delete an applicant at Onfido."""

    kind: ClassVar[str] = "delete_applicant"
    applicant_id: str
    environment: str | None = None


@frozen
class DeleteCustomer(ProviderPayload):
    """Delete a user's passkeys and biometric tokens at Onfido."""

    kind: ClassVar[str] = "delete_customer"
    user_id: str


@use_case
class Deletion:
    """Deletes at Onfido for the outbox."""

    _providers: Providers
    _onfido: Onfido

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(DeleteApplicant, self.delete_applicant), Handler(DeleteCustomer, self.delete_customer)]

    def delete_applicant(self, order: DeleteApplicant) -> None:
        """Delete an applicant; if it does not exist any more, this succeeds."""
        provider = self._provider(order, "delete the applicant in Onfido's dashboard")
        try:
            self._onfido.of_provider(provider, background(DELETE_BUDGET)).delete_applicant(order.applicant_id)
        except OnfidoError as error:
            if not error.is_gone:
                raise
            if is_elsewhere(order.environment, provider.environment):
                where = f"The applicant is in Onfido's {order.environment}, for which the provider has no credentials"
                raise Undeliverable(f"{where} any more: delete it in Onfido's dashboard.") from error

    def delete_customer(self, order: DeleteCustomer) -> None:
        """Delete a user's passkeys and biometric tokens; a user without any is not an error."""
        provider = self._provider(order, "delete the user's passkeys and biometric tokens at Onfido")
        onfido = self._onfido.of_provider(provider, background(DELETE_BUDGET))
        onfido.delete_passkeys(order.user_id)
        onfido.delete_biometric_tokens(order.user_id)

    def _provider(self, order: DeleteApplicant | DeleteCustomer, advice: str) -> Provider:
        try:
            return self._providers.of(order)
        except RequestError as error:
            raise Undeliverable(f"The provider was removed: {advice}.") from error
