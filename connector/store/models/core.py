"""The tables of providers, verifications, claims, events and users."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from connector.store.models.columns import (
    id_column,
    metadata,
    partial_index,
    provider_id_column,
    special_index,
    time_column,
)
from connector.store.models.conditions import (
    HAS_RESULT,
    IS_AWAITED,
    IS_DECIDED,
    IS_GUEST,
    IS_UNDECIDED,
    IS_VERIFIED_IN_SANDBOX,
    NEEDS_REVIEW,
)
from connector.store.times import UtcDateTime

providers = Table(
    "providers",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("name_key", Text, nullable=False, comment="equal for names that differ only in case"),
    Column("description", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("claims", JSON, nullable=False, comment="applicant field by local claim URI"),
    Column("workflow_id", String(36), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("api_token", Text, comment="encrypted; null: client_id and client_secret are used"),
    Column("client_id", String(255)),
    Column("client_secret", Text, comment="encrypted"),
    time_column("credentials_set_at", nullable=True),
    Column("workflow_set_at", UtcDateTime, comment="null: not recorded"),
    Column("webhook_set_at", UtcDateTime, comment="latest change of the webhook or its token; null: not recorded"),
    Column("environment", String(8), comment="sandbox or live, of the credentials; null: not known yet"),
    Column("sandbox_period", Integer, nullable=False, server_default="0", comment="how often the sandbox was left"),
    Column("has_lapsed_claims", Boolean, nullable=False, server_default=false(), comment="to be withdrawn"),
    Column("webhook_token", Text, comment="encrypted"),
    Column("previous_webhook_token", Text, comment="encrypted; valid until it expires"),
    time_column("previous_webhook_token_expires_at", nullable=True),
    Column("notice_secret", Text, comment="encrypted"),
    Column("notice_secret_set_at", UtcDateTime, comment="null: not recorded"),
    Column("studio", JSON, comment="the configured features of Onfido Studio; null: none"),
    Column("max_attempts", Integer, nullable=False, comment="runs a user may start within attempt_window"),
    Column("attempt_window", Integer, nullable=False, comment="seconds"),
    Column("missing_name", String(255), comment="sent in the missing field for a person with one name"),
    Column("accent_color", String(7), comment="of the user's page, such as #2450c8"),
    time_column("created_at"),
    time_column("updated_at"),
    UniqueConstraint("tenant", "name_key"),
    CheckConstraint(
        "(api_token IS NULL) <> (client_id IS NULL) AND (client_id IS NULL) = (client_secret IS NULL)",
        name="credentials",
    ),
)

verifications = Table(
    "verifications",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    provider_id_column(),
    Column("user_id", String(255), nullable=False),
    Column("status", String(64), nullable=False),
    Column("applicant_id", String(64)),
    Column("run_id", String(64)),
    Column("run_requested_at", UtcDateTime, comment="set before the run is requested: it may exist from then on"),
    Column("lease_owner", String(36), comment="the request that starts it; null once the run was returned"),
    Column("lease_until", UtcDateTime, comment="then another request may take over the initiation"),
    Column("environment", String(8), comment="sandbox or live; null: not known"),
    Column(
        "sends_user_id", Boolean, nullable=False, server_default=false(), comment="whether Onfido has the user's id"
    ),
    Column("failure", Text, comment="the reason why it ended without a run's result"),
    Column("capture", String(8), nullable=False, server_default="sdk", comment="sdk or link"),
    Column("dashboard_url", Text, comment="the run's page in Onfido's dashboard"),
    Column("result", Text, comment="encrypted: the finished run's output and reasons; null after its retention"),
    Column("wants_document", Boolean, nullable=False, server_default=false(), comment="whether `document` is stored"),
    Column("document", Text, comment="encrypted: values read from the document; null after its retention"),
    Column("document_type", String(255), comment="type of the checked document, by Onfido's name"),
    Column("reports", JSON, comment="clear reports at Onfido, except those on watchlists; null: not known"),
    Column("decision", String(16), comment="an administrator's decision on a run in review"),
    Column("is_forgiven", Boolean, nullable=False, server_default=false(), comment="not counted as an attempt"),
    Column("next_check_at", UtcDateTime, comment="due for the sweep from then on"),
    Column("refresh_after", UtcDateTime, comment="until then its run is not fetched again"),
    Column("resume_after", UtcDateTime, comment="until then no other SDK token is created"),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("completed_at", nullable=True),
    time_column("closed_at", nullable=True),
    Column("client_id", String(255), comment="client id of the application that started it; null: not known"),
    Column("workflow_version_id", BigInteger, comment="Onfido's version of the workflow; null: not known"),
    time_column("captured_at", nullable=True),
    time_column("decision_awaited_at", nullable=True),
    Column("replaced_at", UtcDateTime, comment="when a later verification got a run: no decision from then on"),
    UniqueConstraint("run_id", "provider_id"),  # the run first: the command line knows no provider
)
_V = verifications.c
partial_index("uq_verifications_open", "closed_at IS NULL", _V.provider_id, _V.user_id, unique=True)
partial_index("ix_verifications_next_check", "closed_at IS NULL", _V.next_check_at)
Index(None, _V.tenant, _V.user_id, _V.created_at)
Index(None, _V.provider_id, _V.created_at)
partial_index("ix_verifications_closed", "closed_at IS NOT NULL", _V.provider_id, _V.closed_at)
Index(None, _V.provider_id, _V.status, _V.created_at)
Index(None, _V.provider_id, _V.applicant_id, _V.created_at)
partial_index("ix_verifications_with_result", HAS_RESULT, _V.closed_at)
partial_index("ix_verifications_guests", IS_GUEST, _V.created_at)
Index(None, _V.provider_id, _V.environment, _V.created_at)
Index(None, _V.provider_id, _V.capture, _V.created_at)
partial_index("ix_verifications_decided", IS_DECIDED, _V.provider_id, _V.decision, _V.created_at)
partial_index("ix_verifications_decision_awaited", IS_AWAITED, _V.provider_id, _V.created_at)
partial_index("ix_verifications_to_review", IS_UNDECIDED, _V.provider_id, _V.created_at)
partial_index("ix_verifications_needing_review", NEEDS_REVIEW, _V.provider_id, _V.created_at)

verification_tags = Table(
    "verification_tags",
    metadata,
    Column("verification_id", ForeignKey("verifications.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("provider_id", String(36), nullable=False, comment="the verification's, as its time: for an index"),
    time_column("created_at"),
)
Index(None, verification_tags.c.provider_id, verification_tags.c.tag, verification_tags.c.created_at)

verification_claims = Table(
    "verification_claims",
    metadata,
    Column("verification_id", ForeignKey("verifications.id", ondelete="CASCADE"), primary_key=True),
    Column("uri", String(255), primary_key=True),
    Column("applicant_field", String(64), comment="null: the value is not sent; the output determines the claim"),
    Column("output_pointer", String(512), comment="pointer to the claim in the workflow's output"),
    Column("folded_fingerprint", String(64), comment="of the value, ignoring case and spaces"),
    Column("output_role", String(8), comment="value or result: the meaning of the output property"),
    Column("output_value", Text, comment="encrypted: the value at that pointer; null after its retention"),
    Column("fingerprint", String(64), comment="of the sent value; empty until it is read, null if there is none"),
    Column("is_stale", Boolean, nullable=False, comment="whether the user's value has changed since"),
    Column("result", String(64), comment="the verification's result for the claim; null until it has ended"),
    Column("is_verified", Boolean, comment="whether this verification has verified it"),
    Column("rule", String(32), comment="the rule that decided"),
    Column("finding", String(64), comment="the comparison that was found for the claim, whether it counts or not"),
    Column("found_at", String(512), comment="pointer to the finding, in the workflow's output or in a task's"),
    Column("provider_id", String(36), comment="the verification's, as its time; null until there is a result"),
    time_column("created_at", nullable=True),
)
partial_index(
    "ix_verification_claims_result",
    "result IS NOT NULL",
    *(verification_claims.c[name] for name in ("provider_id", "uri", "result", "created_at", "verification_id")),
)

applicants = Table(
    "applicants",
    metadata,
    Column("provider_id", String(36), primary_key=True),
    Column("applicant_id", String(64), primary_key=True),
    Column("verification_id", ForeignKey("verifications.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("fields", JSON, nullable=False, comment="names of all fields that were ever sent, or are about to be"),
)

claims = Table(
    "claims",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    provider_id_column(),
    Column("user_id", String(255), nullable=False),
    Column("uri", String(255), nullable=False),
    Column("is_verified", Boolean, nullable=False),
    Column("fingerprint", String(64), comment="of the value for which `is_verified` holds"),
    Column("environment", String(8), comment="of the result behind `is_verified`; null: not known, or none"),
    Column("sandbox_period", Integer, nullable=False, server_default="0", comment="the provider's, at that result"),
    Column("verification_id", ForeignKey("verifications.id", ondelete="SET NULL"), index=True),
    Column("verification_status", String(64), comment="the verification's result for this claim"),
    Column("metadata", JSON, nullable=False, comment="set by an administrator"),
    time_column("created_at"),
    time_column("updated_at"),
    UniqueConstraint("provider_id", "user_id", "uri"),
)
Index(None, claims.c.tenant, claims.c.user_id)
partial_index("ix_claims_verified", "is_verified", claims.c.provider_id, claims.c.uri)
partial_index("ix_claims_verified_in_sandbox", IS_VERIFIED_IN_SANDBOX, claims.c.provider_id, claims.c.sandbox_period)

events = Table(
    "events",
    metadata,
    id_column(primary_key=True),
    provider_id_column(),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the raw body"),
    Column("kind", String(128), nullable=False),
    Column("run_id", String(64)),
    Column("verification_id", String(36), comment="the verification in the run's tag; it may no longer exist"),
    Column("state", String(16), nullable=False, comment="parked, applied or noted"),
    Column("body", Text, comment="encrypted; null after its retention"),
    time_column("received_at"),
    Column("happened_at", UtcDateTime, comment="time at Onfido, from the event; null: it has none"),
    UniqueConstraint("provider_id", "digest"),
)
partial_index("ix_events_parked", "state = 'parked'", events.c.provider_id, events.c.run_id)
partial_index("ix_events_with_body", "body IS NOT NULL", events.c.received_at)
partial_index("ix_events_verification_with_body", "body IS NOT NULL", events.c.verification_id)
Index(None, events.c.run_id, events.c.provider_id)
Index(None, events.c.provider_id, events.c.state, events.c.received_at)
Index(None, events.c.provider_id, events.c.state, events.c.kind, events.c.received_at)

refused_starts = Table(
    "refused_starts",
    metadata,
    Column("provider_id", ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("number", Integer, nullable=False, comment="starts that Onfido refused since then"),
    time_column("since"),
)
Index(None, refused_starts.c.since)

users = Table(
    "users",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("mark", String(64), comment="fingerprint of all values when a remote directory was last read"),
    Column("read_at", UtcDateTime, comment="when that reading began"),
    Column("missing_in", String(36), comment="the pass over the directory that did not find the user"),
    time_column("created_at"),
)
special_index("ix_users_prefix", users.c.tenant, users.c.user_id, postgresql_ops={"user_id": "varchar_pattern_ops"})
partial_index("ix_users_missing", "missing_in IS NOT NULL", users.c.tenant, users.c.missing_in)

user_attributes = Table(
    "user_attributes",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("uri", String(255), primary_key=True),
    Column("value", Text, nullable=False, comment="encrypted"),
    ForeignKeyConstraint(["tenant", "user_id"], ["users.tenant", "users.user_id"], ondelete="CASCADE"),
)
