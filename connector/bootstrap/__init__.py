"""The only place where use cases are wired together; independent of any web framework.

    create_services ──► Services ──► each use case, created at its first use

The web application (`app.py`), the worker (`worker.py`) and the command line are built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connector.bootstrap.ground import Clock, open_database, utc_now
from connector.bootstrap.job_kinds import job_kinds
from connector.bootstrap.numbers import Numbers
from connector.bootstrap.openid import OpenIdParts
from connector.bootstrap.part import part
from connector.bootstrap.signals import SignalParts
from connector.private_file import make_data_dir
from connector.services.application.tasks import Tasks
from connector.services.application.watchlist import Watchlist
from connector.services.application.watchlist_monitors import WatchlistMonitors
from connector.services.application.write_back import WriteBack
from connector.services.jobs.steps import JobSteps, Kind
from connector.services.journal import Subscriber
from connector.services.key_rotation import fingerprint_key, sealing_key
from connector.services.lookup.verifications import VerificationLookup
from connector.services.outbox import Handler, Outbox
from connector.services.people.directory_checks import DirectoryChecks
from connector.services.people.users import Users
from connector.services.providers.deletion import Deletion
from connector.services.removals import Removals
from connector.services.results.claim_results import ClaimResults
from connector.services.results.events import Events
from connector.services.results.orphans import Orphans
from connector.services.results.results import Results
from connector.services.starting.applicant import ApplicantSending
from connector.services.starting.attempts import Attempts
from connector.services.starting.binding import Binding
from connector.services.starting.initiation import Initiation
from connector.services.starting.leases import Leases
from connector.services.starting.recording import Recorder
from connector.services.starting.refusals import Refusals
from connector.services.starting.requests import Verifications
from connector.services.upkeep import Upkeep
from connector.settings import Settings
from connector.store.vault import Fingerprints, OpaqueTexts, Vault, read_keys

if TYPE_CHECKING:
    from connector.services.application.delivery_proof import DeliveryProofs
    from connector.services.people.applicants import Applicants
    from connector.services.people.claims import Claims
    from connector.services.results.decisions import Decisions
    from connector.services.results.posts import Posts


class Services(Numbers, OpenIdParts, SignalParts):
    """The use cases on one open database: the command line calls them directly, the web application over HTTP."""

    def open_configured(self) -> None:
        """Open the files that the settings name, without calling any other service; raises `ConfigurationError`."""
        self.open_directories()
        if self.settings.notice_ca_file:
            self.notices  # noqa: B018  created now

    @part
    def _results(self) -> Results:
        claims = ClaimResults(self._fingerprints)
        return Results(self.database, self.onfido, self.kept, claims, self._journal, self._clock)

    @part
    def events(self) -> Events:
        """Store and apply Onfido's events."""
        return Events(self.database, self._vault, self._results, self._orphans, self._clock)

    @part
    def posts(self) -> Posts:
        """Receive what Onfido posts to webhooks."""
        from connector.services.providers.webhook_access import WebhookAccesses
        from connector.services.results.posts import Posts

        accesses = WebhookAccesses(self.database, self._secrets, self._clock)
        return Posts(self.database, accesses, self.events, self.refused_posts, self._clock)

    @part
    def _orphans(self) -> Orphans:
        return Orphans(self.database, self._journal, self._clock)

    @part
    def decisions(self) -> Decisions:
        """Decide on runs in review."""
        from connector.services.results.decisions import Decisions

        return Decisions(
            self.database,
            self.onfido,
            ClaimResults(self._fingerprints),
            self._user_values,
            self.tenants,
            self._fingerprints,
            self._journal,
            self._timing,
            self._clock,
        )

    @part
    def _attempts(self) -> Attempts:
        return Attempts(self.database, self.onfido, self._results, self._journal, self._leases, self._clock)

    @part
    def _leases(self) -> Leases:
        return Leases(self.database, self._afterwards, self._timing, self._clock)

    @part
    def _initiation(self) -> Initiation:
        binding = Binding(
            self.database,
            self._user_values,
            self.tenants,
            self._fingerprints,
            self._attempts,
            self._journal,
            self._clock,
        )
        recorder = Recorder(self.database, self._attempts, self._results, self.events, self._journal, self._clock)
        return Initiation(
            self.database,
            binding,
            self._attempts,
            recorder,
            ApplicantSending(self.database, self.providers, self._attempts, binding, self._afterwards),
            self._orphans,
            self._leases,
            self._timing,
            self._clock,
        )

    @part
    def verifications(self) -> Verifications:
        """Initiate, complete and resume verifications."""
        refusals = Refusals(self._refusals, self._clock)
        waiting = max(1, self.settings.threads // 2)
        return Verifications(
            self.database,
            self.providers,
            self.onfido,
            self._results,
            self._initiation,
            refusals,
            self._timing,
            waiting,
            self._clock,
        )

    @part
    def lookup(self) -> VerificationLookup:
        """Look up verifications."""
        return VerificationLookup(
            self.database, self.providers, self.onfido, self._results, self.kept, self._timing, self._texts
        )

    @part
    def delivery_proofs(self) -> DeliveryProofs:
        """Prove deliveries."""
        from connector.services.application.delivery_proof import DeliveryProofs

        days = self.settings.delivery_retention_days
        parts = (self.lookup, self.deliveries, self.endpoints, self.signing_keys, self.readings)
        return DeliveryProofs(*parts, days, self._clock)

    @part
    def users(self) -> Users:
        """Administer the embedded user directory."""
        return Users(self.database, self._vault, self._fingerprints, self._texts, self._journal, self._clock)

    @part
    def directory_checks(self) -> DirectoryChecks:
        """Compare users with their remote directories."""
        return DirectoryChecks(self.database, self.tenants, self._user_values, self.users, self._journal, self._clock)

    @part
    def job_steps(self) -> JobSteps:
        """Do the steps of jobs."""
        return JobSteps(self.database, self._vault, self.job_kinds, self._clock)

    @part
    def job_kinds(self) -> Mapping[str, Callable[[], Kind]]:
        """Return the implementations of the kinds of jobs."""
        return job_kinds(self, self._user_values, self._clock)

    @part
    def claims(self) -> Claims:
        """Read and correct users' claims."""
        from connector.services.people.claims import Claims

        return Claims(self.database, self._user_values, self._fingerprints, self._journal, self._clock)

    @part
    def applicants(self) -> Applicants:
        """Update, delete and restore applicants at Onfido."""
        from connector.services.people.applicants import Applicants

        return Applicants(
            self.database,
            self.providers,
            self.onfido,
            self._user_values,
            self._fingerprints,
            self._journal,
            self._timing,
            self._clock,
        )

    @part
    def tasks(self) -> Tasks:
        """List and complete the tasks of runs."""
        parts = (self.lookup, self.notices, self._journal, self.readings, self._timing, self._clock)
        return Tasks(self.database, self.onfido, *parts)

    @part
    def upkeep(self) -> Upkeep:
        """Queue overdue work."""
        return Upkeep(
            self.database,
            self.providers,
            self.onfido,
            self._results,
            self.kept,
            self.events,
            self._initiation,
            (
                self.directory_checks.begin_due,
                self.health_checks.begin_due,
                self.daily_counts.count_due,
                self._guests.remove_old,  # after their days were counted
                self.jobs.forget,
                self.job_steps.resume_stalled,
                self.signal_upkeep.maintain,
                self.console_sessions.forget_tokens,
                self._removals.resume,
                self.withdrawals.resume,
            ),
            timedelta(days=self.settings.event_retention_days),
            timedelta(days=self.settings.delivery_retention_days),
            self._clock,
        )

    @part
    def _removals(self) -> Removals:
        return Removals(self.database)

    @part
    def outbox(self) -> Outbox:
        """Deliver what is queued in the outbox."""
        watchlist = Watchlist(self.database, self.providers, self.onfido, self.notices, self._journal, self._clock)
        write_back = WriteBack(self.database, self.tenants, self.directories)
        deletion = Deletion(self.providers, self.onfido)
        checks = (self.directory_checks, self.health_checks)
        upkeep = (self.upkeep, *checks, write_back, self.job_steps, deletion, self._removals, self.withdrawals)
        others = (watchlist, WatchlistMonitors(self.database, self.onfido), *self._signal_stories)
        stories = (self.tasks, self.notices, self.endpoints, *others, *upkeep)
        handlers = [handler for story in stories for handler in story.handlers]
        return Outbox(self.database, [*handlers, *self._handlers], self._vault)


def create_services(
    settings: Settings,
    clock: Clock = utc_now,
    subscribers: Sequence[Subscriber[Any]] = (),
    handlers: Iterable[Handler[Any]] = (),
) -> Services:
    """Open the database and return the use cases on it.

    `subscribers` are notified of every change, `handlers` deliver their payloads. The embedded default database is
    migrated here; for any other, raises `ConfigurationError` if its schema is not this version's.
    """
    database = open_database(settings)
    with ExitStack() as on_failure:
        on_failure.callback(database.close)
        database.prepare()
        if not settings.encryption_keys:
            make_data_dir(settings.data_dir)
        vault = Vault(read_keys(settings.encryption_keys, settings.data_dir, sealing_key(database)))
        key = fingerprint_key(database, vault)
        keyed = Fingerprints(key), OpaqueTexts(key)
        services = Services(settings, clock, database, vault, *keyed, subscribers, handlers)
        services.open_configured()
        on_failure.pop_all()
    return services
