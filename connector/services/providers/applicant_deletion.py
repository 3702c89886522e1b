"""Deletion of an applicant at Onfido after the user was removed here, or because the applicant is unused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from connector.domain.environment import is_elsewhere
from connector.errors import OnfidoError, RequestError
from connector.services.outbox import Handler, Undeliverable
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.timing import background

DELETE_BUDGET = 25.0  # seconds of Onfido's calls; well below the outbox' lease


@dataclass(frozen=True)
class DeleteApplicant:
    """Delete an applicant at Onfido."""

    kind: ClassVar[str] = "delete_applicant"
    tenant: str
    provider_id: str
    applicant_id: str
    environment: str | None = None


class ApplicantDeletion:
    """Deletes applicants for the outbox."""

    def __init__(self, providers: Providers, onfido: Onfido) -> None:
        self._providers = providers
        self._onfido = onfido

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(DeleteApplicant, self.delete)]

    def delete(self, order: DeleteApplicant) -> None:
        """Delete an applicant at Onfido; one that is gone already counts as success."""
        try:
            provider = self._providers.of(order)
        except RequestError as error:
            raise Undeliverable("The provider was removed: delete the applicant in Onfido's dashboard.") from error
        onfido = self._onfido.of_provider(provider, background(DELETE_BUDGET))
        try:
            onfido.delete_applicant(order.applicant_id)
        except OnfidoError as error:
            if not error.is_gone:
                raise
            if is_elsewhere(order.environment, provider.environment):
                where = f"The applicant is in Onfido's {order.environment}, for which the provider has no credentials"
                raise Undeliverable(f"{where} any more: delete it in Onfido's dashboard.") from error
