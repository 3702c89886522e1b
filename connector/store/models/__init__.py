"""The tables. Every invariant is a constraint here, not a check in the code.

    providers ──┬─< verifications ──┬─< verification_claims
                │                   ├─< verification_tags
                │                   └─< applicants     those that a verification created at Onfido
                ├─< claims             one row per user, provider and claim
                └─< events             one row per provider and digest of the body
    provider_health, refused_posts     what the last checks of a provider found; how often its webhook refused a post
    refused_starts                     one row per provider and user: how often Onfido refused to start
    users ──< user_attributes          the embedded user directory; of users elsewhere, marks of what was read
    secrets, signing_keys              keys of the connector's own, encrypted
    processes                          what runs, each with the settings that hold in it
    outbox                             queued deliveries, with their failed attempts
    jobs ──< job_parts                 long work that people asked for, and its results
    signal_streams ──< signal_events   streams of security events for other systems, and what waits in them
    watchlist_monitors                 one row per provider and user whom a monitor at Onfido watches, or may watch
    history                            append-only: every change of a status, every change by an administrator

No attribute value is stored outside the embedded directory (there encrypted): a keyed fingerprint shows whether a
value is still the one that was verified.
"""

from connector.store.models.budget import onfido_budgets
from connector.store.models.columns import metadata
from connector.store.models.console import console_links, console_sessions
from connector.store.models.core import (
    applicants,
    claims,
    events,
    providers,
    refused_starts,
    user_attributes,
    users,
    verification_claims,
    verification_tags,
    verifications,
)
from connector.store.models.counts import counted_days, daily_counts, hourly_counts, monthly_counts
from connector.store.models.delivery import notice_endpoints, notice_subscriptions, outbox
from connector.store.models.directory import directory_checks, status_writes
from connector.store.models.history_entry import history
from connector.store.models.job import job_parts, jobs
from connector.store.models.key import secrets, signing_keys
from connector.store.models.openid import openid_assertions, openid_clients, openid_flows
from connector.store.models.process import processes
from connector.store.models.provider_state import provider_health, refused_posts
from connector.store.models.schema import schema_support
from connector.store.models.signal import signal_events, signal_levels, signal_streams, signal_subjects
from connector.store.models.watchlist import watchlist_monitors

__all__ = [
    "applicants",
    "claims",
    "console_links",
    "console_sessions",
    "counted_days",
    "daily_counts",
    "directory_checks",
    "events",
    "history",
    "hourly_counts",
    "job_parts",
    "jobs",
    "metadata",
    "monthly_counts",
    "notice_endpoints",
    "notice_subscriptions",
    "onfido_budgets",
    "openid_assertions",
    "openid_clients",
    "openid_flows",
    "outbox",
    "processes",
    "provider_health",
    "providers",
    "refused_posts",
    "refused_starts",
    "schema_support",
    "secrets",
    "signal_events",
    "signal_levels",
    "signal_streams",
    "signal_subjects",
    "signing_keys",
    "status_writes",
    "user_attributes",
    "users",
    "verification_claims",
    "verification_tags",
    "verifications",
    "watchlist_monitors",
]
