"""Testing a draft claim mapping against a run whose output is kept; nothing is written, and Onfido is not called."""

from __future__ import annotations

from functools import partial
from typing import Any

from connector.domain.environment import counts
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_run import APPROVED, is_final
from connector.domain.tenancy import Tenant
from connector.domain.text import fold
from connector.domain.verifications.dry_run import Draft, Past, Trial, check_draft, try_draft
from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.errors import Code, RequestError
from connector.onfido.output_claims import read_claim, resolve
from connector.onfido.payloads import run_snapshot
from connector.services.lookup.verifications import VerificationLookup
from connector.services.providers.registry import Providers
from connector.services.results.kept import KeptResults
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.vault import Fingerprints
from connector.store.verifications import verification_claims

_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


@frozen
class TriedClaim:
    """A tested claim, and the JSON type at its drafted pointer; None without a pointer, or if nothing is there."""

    trial: Trial
    found_type: str | None


@frozen
class DryRun:
    """A draft's results for a run, together with the recorded ones."""

    verification: Verification
    claims: list[TriedClaim]


@use_case
class DryRuns:
    """Tests drafts for one tenant's providers."""

    _database: Database
    _providers: Providers
    _lookup: VerificationLookup
    _kept: KeptResults
    _fingerprints: Fingerprints

    def run(self, tenant: Tenant, run_id: str, draft: Draft, provider_id: str | None = None) -> DryRun:
        """Judge a run's claims by a draft.

        Raises `InvalidField` for a draft that no provider could have; `RequestError`: no such run, it has not ended, or
        its output is not kept.
        """
        check_draft(draft)
        verification = self._lookup.find(tenant, run_id, provider_id)
        provider = self._providers.get(tenant, verification.provider_id)
        output = self._output(verification)
        trials = try_draft(self._past(verification, provider, output), draft)
        return DryRun(verification, [TriedClaim(each, _found_type(each, output)) for each in trials])

    def _output(self, verification: Verification) -> Any:
        if verification.run_id is None or not is_final(verification.status):
            raise RequestError(
                Code.VERIFICATION_NOT_ENDED,
                message(
                    "The run has not ended: its status is %(status)s. Choose one that has.", status=verification.status
                ),
            )
        kept = self._kept.result(verification)
        if kept is None or kept.output is None:
            raise RequestError(
                Code.RESULT_NOT_KEPT,
                message(
                    "The run's output is not kept: choose one that has ended more recently, within "
                    "`event_retention_days`."
                ),
            )
        return kept.output

    def _past(self, verification: Verification, provider: Provider, output: Any) -> Past:
        with self._database.read() as connection:
            sent = verification_claims.find_all(connection, verification.verification_id)
            verdicts = verification_claims.find_verdicts(connection, verification.verification_id)
        is_approved = APPROVED in (verification.status, verification.decision)
        status = APPROVED if is_approved else verification.status
        return Past(
            run=run_snapshot({"id": verification.run_id, "status": status, "output": output}),
            sent={claim.uri: claim for claim in sent},
            verdicts=verdicts,
            fields=provider.claims,
            read=lambda claim: read_claim(output, claim),
            is_same=partial(self._is_same, verification),
            is_counted=counts(verification.environment, provider.environment),
        )

    def _is_same(self, verification: Verification, claim: VerificationClaim, value: str) -> bool:
        """Whether a value in the output is the user's: in any spelling if that is recorded, otherwise exactly."""
        fingerprint = partial(self._fingerprints.of, verification.tenant, verification.user_id, claim.uri)
        if claim.folded_fingerprint is not None:
            return fingerprint(fold(value)) == claim.folded_fingerprint
        return fingerprint(value) == claim.fingerprint


def _found_type(trial: Trial, output: Any) -> str | None:
    """Return the JSON type at a drafted pointer."""
    pointer = None if trial.draft is None else trial.draft.output_pointer
    return None if pointer is None else _TYPES.get(type(resolve(output, pointer)))
