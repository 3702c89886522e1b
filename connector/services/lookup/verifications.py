"""Looking up verifications: lists, exports, and one verification with all stored data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice

from connector.domain.audit.history import Change
from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.studio.tasks import TaskSummary
from connector.domain.tenancy import Tenant
from connector.domain.verifications.judgement import Explanation, explain
from connector.domain.verifications.verification import Verification, VerificationClaim, VerificationFilter
from connector.errors import Code, OnfidoError, RequestError
from connector.services.cursors import Cursors, Page, key_of
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.results.kept import KeptResult, KeptResults
from connector.services.results.results import Results
from connector.services.timing import Timing
from connector.store import history
from connector.store.claims import claims
from connector.store.engine import Database
from connector.store.pages import Position
from connector.store.vault import OpaqueTexts
from connector.store.verifications import verification_claims, verification_finds, verification_search

REFRESHED = "refreshed"  # a cause, for the history
NO_RUN = "The verification has no run at Onfido: ask again once its run is started."
BATCH = 500  # verifications that an export reads at once
MOST_COUNTED = 1000  # verifications in the total of a list; counting more would take longer
TASKS_SHARE = 1 / 3  # of the interactive budget; a lookup does not wait longer for Onfido


@frozen
class Outcome:
    """A verification's result for each of its claims, empty if there is none (yet), and the reasons."""

    comparisons: Mapping[str, str] = field(default_factory=dict)
    reasons: Sequence[str] = ()


@frozen
class ListedVerification:
    """A verification as an administrator sees it in a list."""

    verification: Verification
    tags: Sequence[str]
    outcome: Outcome = field(default_factory=Outcome)


@frozen
class VerificationDetails:
    """All stored data of a verification; `result` and `document` until their retention ends."""

    listed: ListedVerification
    claims: Sequence[VerificationClaim]
    current: Sequence[Claim]
    result: KeptResult | None
    document: Mapping[str, str] | None
    history: Sequence[Change]


@frozen
class LiveTasks:
    """The tasks of a run as Onfido has them now; None if it did not answer, with the reason."""

    tasks: Sequence[TaskSummary] | None
    unavailable: str | None = None


class VerificationLookup:
    """Looks up the verifications of one tenant, which each method takes."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        onfido: Onfido,
        results: Results,
        kept: KeptResults,
        timing: Timing,
        texts: OpaqueTexts,
    ) -> None:
        self._database = database
        self._cursors = Cursors(texts, "verifications")
        self._providers = providers
        self._onfido = onfido
        self._results = results
        self._kept = kept
        self._timing = timing

    def page(
        self,
        tenant: Tenant,
        criteria: VerificationFilter,
        *,
        limit: int,
        offset: int = 0,
        cursor: str | None = None,
        is_rising: bool = False,
    ) -> Page[ListedVerification]:
        """Return a page of verifications, the latest first unless `is_rising`: that of a cursor, or behind `offset`."""
        after = self._cursors.position(tenant.name, cursor)
        matches = self._find(tenant, criteria, limit + 1, offset=offset, after=after, is_rising=is_rising)
        return self._cursors.page(tenant.name, matches, limit, lambda listed: _key(listed.verification))

    def count(self, tenant: Tenant, criteria: VerificationFilter, most: int = MOST_COUNTED) -> int:
        """Return how many verifications match, up to `most`."""
        with self._database.read() as connection:
            return verification_search.count(connection, tenant.name, criteria, most)

    def is_any(self, tenant: Tenant, criteria: VerificationFilter) -> bool:
        """Whether some match, of the latest by the most selective filter: never takes long, and may miss old ones."""
        with self._database.read() as connection:
            return verification_search.is_any(connection, tenant.name, criteria, MOST_COUNTED)

    def count_verified(self, listed: Sequence[ListedVerification]) -> Mapping[str, tuple[int, int]]:
        """Return, by verification id, the number of verified claims and of all claims."""
        with self._database.read() as connection:
            return verification_finds.count_verified(connection, [each.verification.verification_id for each in listed])

    def export(self, tenant: Tenant, criteria: VerificationFilter) -> Iterator[ListedVerification]:
        """Yield the same as `all`, with the results for the claims, and the reasons."""
        for batch in _batches(self.all(tenant, criteria)):
            yield from self._with_outcomes(batch)

    def batch(
        self, tenant: Tenant, criteria: VerificationFilter, after: Position | None
    ) -> tuple[Sequence[ListedVerification], bool]:
        """Return the same from a position on, up to the batch size, and whether they are the last."""
        matches = self._find(tenant, criteria, BATCH, after=after, is_rising=True)
        return list(self._with_outcomes(matches)), len(matches) < BATCH

    def _with_outcomes(self, batch: Sequence[ListedVerification]) -> Iterator[ListedVerification]:
        ids = [each.verification.verification_id for each in batch]
        with self._database.read() as connection:
            comparisons = verification_search.find_comparisons(connection, ids)
            results = verification_search.find_results(connection, ids)
        for listed in batch:
            verification = listed.verification
            result = self._kept.result(replace(verification, result=results.get(verification.verification_id)))
            outcome = Outcome(comparisons[verification.verification_id], result.reasons if result else ())
            yield replace(listed, outcome=outcome)

    def all(self, tenant: Tenant, criteria: VerificationFilter) -> Iterator[ListedVerification]:
        """Yield all matching verifications, the oldest first, in constant memory and short transactions.

        A verification that is added meanwhile comes at the end or not at all.
        """
        after: Position | None = None
        while True:
            batch = self._find(tenant, criteria, BATCH, after=after, is_rising=True)
            yield from batch
            if len(batch) < BATCH:
                return
            after = Position(batch[-1].verification.created_at, batch[-1].verification.verification_id)

    def _find(
        self,
        tenant: Tenant,
        criteria: VerificationFilter,
        limit: int,
        *,
        offset: int = 0,
        after: Position | None = None,
        is_rising: bool,
    ) -> list[ListedVerification]:
        with self._database.read() as connection:
            matches = verification_search.find_page(
                connection, tenant.name, criteria, limit=limit, offset=offset, after=after, is_rising=is_rising
            )
            tags = verification_search.find_tags(connection, [each.verification_id for each in matches])
        return [ListedVerification(each, tags[each.verification_id]) for each in matches]

    def find(self, tenant: Tenant, run_id: str, provider_id: str | None = None) -> Verification:
        """Return a verification by its run's id or its own; raises `RequestError` if there is none."""
        with self._database.read() as connection:
            verification = verification_search.find(connection, tenant.name, run_id, provider_id)
        if verification is None:
            raise RequestError(
                Code.VERIFICATION_NOT_FOUND,
                message("There is no verification or run %(run_id)s: check the id and the provider.", run_id=run_id),
            )
        return verification

    def get(self, tenant: Tenant, run_id: str, provider_id: str | None = None) -> VerificationDetails:
        """Return all stored data of a verification; raises as `find` does."""
        verification = self.find(tenant, run_id, provider_id)
        with self._database.read() as connection:
            targets = verification_claims.find_all(connection, verification.verification_id)
            uris = {claim.uri for claim in targets}
            known = claims.find_all(connection, tenant.name, verification.user_id, verification.provider_id)
            return VerificationDetails(
                listed=ListedVerification(
                    verification,
                    verification_search.find_tags(connection, [verification.verification_id])[
                        verification.verification_id
                    ],
                ),
                claims=targets,
                current=[claim for claim in known if claim.uri in uris],
                result=self._kept.result(verification),
                document=self._kept.document(verification),
                history=history.find_of_verification(connection, verification.verification_id),
            )

    def later(self, verification: Verification) -> Verification | None:
        """Return the user's latest verification with the provider if it took the place of this one, else None."""
        with self._database.read() as connection:
            return verification_search.find_later(connection, verification)

    def explain(
        self, tenant: Tenant, run_id: str, provider_id: str | None = None
    ) -> tuple[Verification, list[Explanation]]:
        """Return a verification, and the explanation of the result for each of its claims; raises as `find` does."""
        verification = self.find(tenant, run_id, provider_id)
        with self._database.read() as connection:
            sent = verification_claims.find_all(connection, verification.verification_id)
            verdicts = verification_claims.find_verdicts(connection, verification.verification_id)
        return verification, [explain(claim, verification, verdicts.get(claim.uri)) for claim in sent]

    def tasks(self, verification: Verification) -> LiveTasks:
        """Ask Onfido for a run's tasks; a failure is part of the answer, so that the rest can still be shown."""
        if verification.run_id is None:
            return LiveTasks(None, NO_RUN)
        try:
            onfido = self._onfido.of_verification(verification, self._timing.interactive(TASKS_SHARE))
            return LiveTasks(onfido.list_tasks(verification.run_id))
        except (OnfidoError, RequestError) as error:
            return LiveTasks(None, error.description)

    def refresh(self, tenant: Tenant, run_id: str, provider_id: str | None = None) -> Verification:
        """Ask Onfido for a run, unless it was asked a moment ago, apply the answer and return the result.

        Raises as `find` does, and `OnfidoError`.
        """
        verification = self.find(tenant, run_id, provider_id)
        if verification.run_id is None:
            raise RequestError(Code.VERIFICATION_NOT_FOUND, NO_RUN)
        provider = self._providers.of(verification)
        deadline = self._timing.interactive()
        self._results.refresh_if_due(provider, verification, deadline, REFRESHED)
        return self.find(tenant, run_id, provider_id)


def _key(verification: Verification) -> tuple[str, str | int]:
    return key_of(verification.created_at, verification.verification_id)


def _batches(verifications: Iterator[ListedVerification]) -> Iterator[list[ListedVerification]]:
    while batch := list(islice(verifications, BATCH)):
        yield batch
