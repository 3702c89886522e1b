"""Reword comments of columns in the words of the documents."""

from alembic import op

revision = "0031"
down_revision = "0030"

COMMENTS = {
    "applicants": {
        "fields": "names of all fields that were ever sent, or are about to be",
    },
    "claims": {
        "fingerprint": "of the value for which `is_verified` holds",
        "environment": "of the result behind `is_verified`; null: not known, or none",
        "metadata": "set by an administrator",
    },
    "console_links": {
        "digest": "SHA-256 of the link's secret",
    },
    "console_sessions": {
        "digest": "SHA-256 of the browser's cookie",
        "name": "the person's name, from the issuer",
        "subject": "`sub` at the issuer; the user's id may be another claim",
        "issuer_session": "`sid`, which the issuer's sign-out names",
        "access_token": "encrypted: the person's; some directories can be read only with it",
        "draft": "encrypted: a form that was sent after the session had ended, for the next one",
    },
    "counted_days": {
        "owner": "the pass that counted it, as a fence",
    },
    "daily_counts": {
        "provider_id": "empty: of no existing provider",
    },
    "directory_checks": {
        "position": "the last user that was checked",
    },
    "events": {
        "verification_id": "the verification in the run's tag; it may no longer exist",
        "body": "encrypted; null after its retention",
        "happened_at": "time at Onfido, from the event; null: it has none",
    },
    "history": {
        "subject": "the kind of object: run, claim, provider, user, applicant, outbox or start",
        "user_id": "the user concerned; only in entries of the audit trail",
        "actor_name": "the actor without client and issuer; only in entries of the audit trail",
        "detail": "further facts; never a secret or a value",
        "channel": "api, console, cli, onfido or worker",
        "address": "the client's address; only in entries of the audit trail",
        "trace_id": "the request's trace id, as in its answer and log lines",
    },
    "hourly_counts": {
        "provider_id": "empty: of no existing provider",
        "is_of_verifications": "false: of refused starts and dead deliveries",
    },
    "jobs": {
        "owner": "the caller who requested it",
        "digest": "of the request",
        "slot": "of a running job: a tenant has as many slots as jobs may run at once",
        "step": "number of completed steps; the next step repeats it as a fence",
        "tries": "attempts of the next step",
        "summary": "numbers for the requester",
        "failure": "the reason of the failure",
    },
    "monthly_counts": {
        "provider_id": "empty: of no existing provider",
        "month": "the first day of the month, in UTC",
        "is_of_verifications": "false: of refused starts and dead deliveries",
        "shown": "the numbers that are shown by day: a list for each measure and bucket",
        "days": "the other numbers, in the same form",
    },
    "notice_endpoints": {
        "provider_id": "null: of all providers of the tenant",
        "is_of_provider": "whether it belongs to the provider's configuration",
        "tasks": "definitions of the tasks whose start it is notified of",
        "failures": "consecutive attempts that failed",
    },
    "onfido_budgets": {
        "full_at": "the time at which its bucket is full again, in seconds of the database's clock",
        "held_until": "the end of the pause that Onfido requested, by the same clock",
        "wait": "of the latest reservation: seconds until its turn",
        "is_booked": "of the same reservation: whether that turn was reserved",
    },
    "openid_clients": {
        "claims": "OpenID names of the claims that it may request; empty: all",
        "keys": "its public keys; empty: it has a secret",
        "allows_sandbox": "whether it accepts sandbox results",
        "previous_secret_digest": "valid until it expires",
    },
    "openid_flows": {
        "subject_digest": "of the person to verify, as the client names them; limits attempts",
        "sent_values": "encrypted: the values of the request; null after its retention",
        "result": "encrypted: the content of its tokens",
    },
    "outbox": {
        "tenant": "null: the connector's internal work",
        "provider_id": "no foreign key: deliveries outlive the provider",
        "endpoint_id": "of a notice: its endpoint",
        "dedupe_key": "a second row with an existing key is not added",
        "traceparent": "W3C trace context of the request that queued it; null: it was not traced",
    },
    "processes": {
        "shown": "the settings' values; of a secret only whether it is set",
        "marks": "keyed digests of the exact values, for comparison",
    },
    "provider_health": {
        "owner": "owner of the running check; repeated as a fence when it is stored",
        "lease_until": "then another check may begin",
        "tried_at": "time of the latest check, with or without an answer",
        "is_answered": "whether Onfido answered then",
        "checked_at": "time of the latest answer, to which `checks` and `is_good` belong",
        "is_good": "whether no check failed then",
        "good_at": "time of the latest check in which nothing failed",
        "details": "the sentences before translation, by the check's name; null: not recorded",
    },
    "providers": {
        "name_key": "equal for names that differ only in case",
        "claims": "applicant field by local claim URI",
        "api_token": "encrypted; null: client_id and client_secret are used",
        "webhook_set_at": "latest change of the webhook or its token; null: not recorded",
        "environment": "sandbox or live, of the credentials; null: not known yet",
        "previous_webhook_token": "encrypted; valid until it expires",
        "studio": "the configured features of Onfido Studio; null: none",
        "missing_name": "sent in the missing field for a person with one name",
    },
    "signal_events": {
        "event_id": "the event's `jti`",
        "user_id": "the event's subject; null: the stream itself",
        "transaction_id": "`txn`, the same in all streams",
    },
    "signal_streams": {
        "endpoint_url": "the URL to which events are pushed",
        "reason": "the reason of the status",
        "waiting": "number of its waiting events",
    },
    "signal_subjects": {
        "is_included": "whether the receiver added the user; false: removed",
    },
    "signing_keys": {
        "slot": "current or next; null: a former key, until it expires",
    },
    "status_writes": {
        "written": "digest of the status in the directory; null: not known, or none",
    },
    "users": {
        "mark": "fingerprint of all values when a remote directory was last read",
    },
    "verification_claims": {
        "applicant_field": "null: the value is not sent; the output determines the claim",
        "output_pointer": "pointer to the claim in the workflow's output",
        "folded_fingerprint": "of the value, ignoring case and spaces",
        "output_value": "encrypted: the value at that pointer; null after its retention",
        "fingerprint": "of the sent value; empty until it is read, null if there is none",
        "is_stale": "whether the user's value has changed since",
        "result": "the verification's result for the claim; null until it has ended",
        "finding": "the comparison that was found for the claim, whether it counts or not",
        "found_at": "pointer to the finding, in the workflow's output or in a task's",
        "provider_id": "the verification's, as its time; null until there is a result",
    },
    "verification_tags": {
        "provider_id": "the verification's, as its time: for an index",
    },
    "verifications": {
        "run_requested_at": "set before the run is requested: it may exist from then on",
        "lease_owner": "the request that starts it; null once the run was returned",
        "lease_until": "then another request may take over the initiation",
        "environment": "sandbox or live; null: not known",
        "sends_user_id": "whether Onfido has the user's id",
        "failure": "the reason why it ended without a run's result",
        "capture": "sdk or link",
        "dashboard_url": "the run's page in Onfido's dashboard",
        "result": "encrypted: the finished run's output and reasons; null after its retention",
        "wants_document": "whether `document` is stored",
        "document": "encrypted: values read from the document; null after its retention",
        "document_type": "type of the checked document, by Onfido's name",
        "reports": "clear reports at Onfido, except those on watchlists; null: not known",
        "is_forgiven": "not counted as an attempt",
        "next_check_at": "due for the sweep from then on",
        "refresh_after": "until then its run is not fetched again",
        "resume_after": "until then no other SDK token is created",
        "client_id": "client id of the application that started it; null: not known",
        "workflow_version_id": "Onfido's version of the workflow; null: not known",
    },
    "watchlist_monitors": {
        "applicant_id": "the applicant that a monitor watches, or may watch",
        "report_name": "report of that monitor",
    },
}


def upgrade() -> None:
    """Go to this version; SQLite stores no comments."""
    if op.get_context().dialect.name != "sqlite":
        for table, comments in COMMENTS.items():
            for column, comment in comments.items():
                op.alter_column(table, column, comment=comment)


def downgrade() -> None:
    """Go back to the version before, whose processes do not read comments: they stay as they are."""
