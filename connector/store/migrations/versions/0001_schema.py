"""The schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "directory_checks",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column(
            "pass_id", sa.String(length=36), nullable=False, comment="the latest pass over the tenant's verified users"
        ),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.String(length=255), nullable=False, comment="the last user that was looked at"),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False, comment="users that the directory no longer has"),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_directory_checks")),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column(
            "provider_id",
            sa.String(length=36),
            nullable=True,
            comment="no foreign key: the history outlives the rows it describes",
        ),
        sa.Column("verification_id", sa.String(length=36), nullable=True),
        sa.Column(
            "subject",
            sa.String(length=16),
            nullable=False,
            comment="run, claim, provider, user, applicant, outbox or start",
        ),
        sa.Column(
            "user_id",
            sa.String(length=255),
            nullable=True,
            comment="the user concerned; only with the causes that an auditor looks for",
        ),
        sa.Column(
            "name", sa.String(length=255), nullable=True, comment="the claim's URI, the provider's name, the user's id"
        ),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("current", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False, comment="the cause of the change"),
        sa.Column(
            "actor",
            sa.String(length=1100),
            nullable=True,
            comment="the administrator with client and issuer, or the event's id",
        ),
        sa.Column(
            "actor_name",
            sa.String(length=1100),
            nullable=True,
            comment="the same without client and issuer, where an auditor may look for it",
        ),
        sa.Column("detail", sa.JSON(), nullable=False, comment="further changes; never a secret or a value"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    op.create_index(
        "ix_history_audit",
        "history",
        ["tenant", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_audit_actor_name",
        "history",
        ["tenant", "actor_name", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_audit_name",
        "history",
        ["tenant", "name", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_audit_provider_id",
        "history",
        ["tenant", "provider_id", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_audit_subject",
        "history",
        ["tenant", "subject", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_audit_user_id",
        "history",
        ["tenant", "user_id", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_audit_verification_id",
        "history",
        ["tenant", "verification_id", "at"],
        unique=False,
        sqlite_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
        postgresql_where=sa.text(
            "cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'"
        ),
    )
    op.create_index(
        "ix_history_refused",
        "history",
        ["at"],
        unique=False,
        sqlite_where=sa.text("cause = 'refused'"),
        postgresql_where=sa.text("cause = 'refused'"),
    )
    op.create_index(
        "ix_history_run",
        "history",
        ["name"],
        unique=False,
        sqlite_where=sa.text("subject = 'run'"),
        postgresql_where=sa.text("subject = 'run'"),
    )
    op.create_index(op.f("ix_history_verification_id"), "history", ["verification_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=True, comment="whose it is; null: the connector's own"),
        sa.Column(
            "provider_id", sa.String(length=36), nullable=True, comment="no foreign key: what was delivered outlives it"
        ),
        sa.Column("verification_id", sa.String(length=36), nullable=True),
        sa.Column("endpoint_id", sa.String(length=36), nullable=True, comment="of a notice: where it goes"),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False, comment="ids only"),
        sa.Column(
            "dedupe_key", sa.String(length=255), nullable=True, comment="of two rows with one key, the first stands"
        ),
        sa.Column("state", sa.String(length=16), nullable=False, comment="ready, done or dead"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("history", sa.JSON(), nullable=False, comment="the attempts that failed or were answered"),
        sa.Column("answer", sa.Text(), nullable=True, comment="encrypted: the start of the receiver's latest answer"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "owner",
            sa.String(length=36),
            nullable=True,
            comment="the worker that delivers it; repeated as a fence when it is settled",
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_dedupe_key")),
    )
    op.create_index(
        "ix_outbox_dead",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'ready' AND endpoint_id IS NULL"),
        postgresql_where=sa.text("state = 'ready' AND endpoint_id IS NULL"),
    )
    op.create_index(
        "ix_outbox_due_notices",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'ready' AND endpoint_id IS NOT NULL"),
        postgresql_where=sa.text("state = 'ready' AND endpoint_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_endpoint",
        "outbox",
        ["endpoint_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("endpoint_id <> ''"),
        postgresql_where=sa.text("endpoint_id <> ''"),
    )
    op.create_index(
        "ix_outbox_settled",
        "outbox",
        ["settled_at"],
        unique=False,
        sqlite_where=sa.text("state = 'done'"),
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        op.f("ix_outbox_tenant_state_created_at_id"), "outbox", ["tenant", "state", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_outbox_verification",
        "outbox",
        ["verification_id"],
        unique=False,
        sqlite_where=sa.text("verification_id IS NOT NULL"),
        postgresql_where=sa.text("verification_id IS NOT NULL"),
    )

    op.create_table(
        "providers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False, comment="the same for names that differ only in case"),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False, comment="local claim URI -> applicant field"),
        sa.Column("workflow_id", sa.String(length=36), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column(
            "api_token", sa.Text(), nullable=True, comment="encrypted; null: client_id and client_secret take its place"
        ),
        sa.Column("client_id", sa.String(length=255), nullable=True),
        sa.Column("client_secret", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("credentials_set_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "environment",
            sa.String(length=8),
            nullable=True,
            comment="sandbox or live, as the credentials are; null: not known yet",
        ),
        sa.Column("webhook_token", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("previous_webhook_token", sa.Text(), nullable=True, comment="encrypted; good until it expires"),
        sa.Column("previous_webhook_token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_secret", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("studio", sa.JSON(), nullable=True, comment="the features of Studio that it uses; null: none"),
        sa.Column("max_attempts", sa.Integer(), nullable=False, comment="runs a user may start within attempt_window"),
        sa.Column("attempt_window", sa.Integer(), nullable=False, comment="seconds"),
        sa.Column(
            "missing_name",
            sa.String(length=255),
            nullable=True,
            comment="sent in the other field for a person with one name",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(api_token IS NULL) <> (client_id IS NULL) AND (client_id IS NULL) = (client_secret IS NULL)",
            name=op.f("ck_providers_credentials"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("tenant", "name_key", name=op.f("uq_providers_tenant_name_key")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="encrypted"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=64), nullable=False, comment="its thumbprint (RFC 7638)"),
        sa.Column(
            "slot",
            sa.String(length=8),
            nullable=True,
            comment="current or next; null: a former key, published until it expires",
        ),
        sa.Column("public_key", sa.JSON(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("slot", name=op.f("uq_signing_keys_slot")),
    )
    op.create_table(
        "status_writes",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column(
            "written",
            sa.String(length=64),
            nullable=True,
            comment="digest of the status that was written; null: not known, or none",
        ),
        sa.Column("owner", sa.String(length=36), nullable=True, comment="the delivery that writes it"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "user_id", name=op.f("pk_status_writes")),
    )
    op.create_table(
        "users",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column(
            "mark",
            sa.String(length=64),
            nullable=True,
            comment="fingerprint of all values as they were read last from a remote directory",
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True, comment="when that reading began"),
        sa.Column(
            "missing_in",
            sa.String(length=36),
            nullable=True,
            comment="the pass over the directory that did not find the user",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", name=op.f("pk_users")),
    )
    op.create_index(
        "ix_users_missing",
        "users",
        ["tenant", "missing_in"],
        unique=False,
        sqlite_where=sa.text("missing_in IS NOT NULL"),
        postgresql_where=sa.text("missing_in IS NOT NULL"),
    )

    op.create_table(
        "events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the raw body"),
        sa.Column("kind", sa.String(length=128), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column(
            "verification_id",
            sa.String(length=36),
            nullable=True,
            comment="the verification that the run's tag names; it may be gone",
        ),
        sa.Column("state", sa.String(length=16), nullable=False, comment="parked, applied or noted"),
        sa.Column("body", sa.Text(), nullable=True, comment="encrypted; null once its time is over"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_events_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("provider_id", "digest", name=op.f("uq_events_provider_id_digest")),
    )
    op.create_index(
        "ix_events_parked",
        "events",
        ["provider_id", "run_id"],
        unique=False,
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index(op.f("ix_events_provider_id_run_id"), "events", ["provider_id", "run_id"], unique=False)
    op.create_index(
        op.f("ix_events_provider_id_state_received_at"), "events", ["provider_id", "state", "received_at"], unique=False
    )
    op.create_index(
        "ix_events_verification_with_body",
        "events",
        ["verification_id"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )
    op.create_index(
        "ix_events_with_body",
        "events",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )

    op.create_table(
        "notice_endpoints",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=True, comment="null: of all of the tenant's"),
        sa.Column(
            "is_of_provider", sa.Boolean(), nullable=False, comment="whether it is in the provider's configuration"
        ),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("tasks", sa.JSON(), nullable=False, comment="definitions of the tasks whose start it is told of"),
        sa.Column("secret", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("previous_secret", sa.Text(), nullable=True, comment="encrypted; signs as well until it expires"),
        sa.Column("previous_secret_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "disabled_because",
            sa.String(length=16),
            nullable=True,
            comment="gone or administrator; null: it is enabled",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="attempts in a row that it did not take"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_notice_endpoints_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_endpoints")),
    )
    op.create_index(op.f("ix_notice_endpoints_provider_id"), "notice_endpoints", ["provider_id"], unique=False)
    op.create_index(
        op.f("ix_notice_endpoints_tenant_created_at"), "notice_endpoints", ["tenant", "created_at"], unique=False
    )
    op.create_index(
        "uq_notice_endpoints_own",
        "notice_endpoints",
        ["provider_id"],
        unique=True,
        sqlite_where=sa.text("is_of_provider"),
        postgresql_where=sa.text("is_of_provider"),
    )

    op.create_table(
        "refused_starts",
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="starts that Onfido refused since then"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_refused_starts_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("provider_id", "user_id", name=op.f("pk_refused_starts")),
    )
    op.create_index(op.f("ix_refused_starts_since"), "refused_starts", ["since"], unique=False)

    op.create_table(
        "user_attributes",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="encrypted"),
        sa.ForeignKeyConstraint(
            ["tenant", "user_id"],
            ["users.tenant", "users.user_id"],
            name=op.f("fk_user_attributes_tenant_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "user_id", "uri", name=op.f("pk_user_attributes")),
    )
    op.create_table(
        "verifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("applicant_id", sa.String(length=64), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column(
            "run_requested_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="set before the run is asked for: it may exist from then on",
        ),
        sa.Column(
            "lease_owner",
            sa.String(length=36),
            nullable=True,
            comment="the request that starts it; null once the run was handed over",
        ),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from then on another may take the initiation over",
        ),
        sa.Column(
            "environment", sa.String(length=8), nullable=True, comment="sandbox or live, where it runs; null: not known"
        ),
        sa.Column(
            "sends_user_id",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="if Onfido has the user's id",
        ),
        sa.Column("failure", sa.Text(), nullable=True, comment="why the verification ended without a run's result"),
        sa.Column(
            "capture", sa.String(length=8), server_default="sdk", nullable=False, comment="sdk or link: the user's way"
        ),
        sa.Column("dashboard_url", sa.Text(), nullable=True, comment="where Onfido's dashboard shows the run"),
        sa.Column(
            "result",
            sa.Text(),
            nullable=True,
            comment="encrypted: the finished run's output and reasons; null once its time is over",
        ),
        sa.Column(
            "wants_document",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="whether `document` is kept",
        ),
        sa.Column("document", sa.Text(), nullable=True, comment="encrypted: that; null once its time is over"),
        sa.Column(
            "document_type",
            sa.String(length=255),
            nullable=True,
            comment="of the document that was looked at, as Onfido names it",
        ),
        sa.Column(
            "decision", sa.String(length=16), nullable=True, comment="an administrator's decision on a run in review"
        ),
        sa.Column(
            "is_forgiven",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="not counted: unlocked since",
        ),
        sa.Column(
            "next_check_at", sa.DateTime(timezone=True), nullable=True, comment="from then on the sweep looks after it"
        ),
        sa.Column(
            "refresh_after",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until then Onfido is not asked for it: it is being, or just was",
        ),
        sa.Column(
            "resume_after",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until then no other SDK token is made for it",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_verifications_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifications")),
        sa.UniqueConstraint("run_id", "provider_id", name=op.f("uq_verifications_run_id_provider_id")),
    )
    op.create_index(
        "ix_verifications_next_check",
        "verifications",
        ["next_check_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        op.f("ix_verifications_provider_id_applicant_id_created_at"),
        "verifications",
        ["provider_id", "applicant_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_verifications_provider_id_created_at"), "verifications", ["provider_id", "created_at"], unique=False
    )
    op.create_index(
        op.f("ix_verifications_provider_id_status_created_at"),
        "verifications",
        ["provider_id", "status", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_verifications_sandbox",
        "verifications",
        ["provider_id"],
        unique=False,
        sqlite_where=sa.text("environment = 'sandbox'"),
        postgresql_where=sa.text("environment = 'sandbox'"),
    )
    op.create_index(
        op.f("ix_verifications_tenant_user_id_created_at"),
        "verifications",
        ["tenant", "user_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_verifications_with_result",
        "verifications",
        ["closed_at"],
        unique=False,
        sqlite_where=sa.text("result IS NOT NULL OR document IS NOT NULL"),
        postgresql_where=sa.text("result IS NOT NULL OR document IS NOT NULL"),
    )
    op.create_index(
        "uq_verifications_open",
        "verifications",
        ["provider_id", "user_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )

    op.create_table(
        "applicants",
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("applicant_id", sa.String(length=64), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False, comment="names of all that were ever sent, or about to be"),
        sa.ForeignKeyConstraint(
            ["verification_id"], ["verifications.id"], name=op.f("fk_applicants_verification_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("provider_id", "applicant_id", name=op.f("pk_applicants")),
    )
    op.create_index(op.f("ix_applicants_verification_id"), "applicants", ["verification_id"], unique=False)

    op.create_table(
        "claims",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column(
            "fingerprint", sa.String(length=64), nullable=True, comment="of the value that `is_verified` holds for"
        ),
        sa.Column(
            "environment",
            sa.String(length=8),
            nullable=True,
            comment="of the result that `is_verified` comes from; null: not known, or none",
        ),
        sa.Column("verification_id", sa.String(length=36), nullable=True),
        sa.Column(
            "verification_status",
            sa.String(length=64),
            nullable=True,
            comment="the verification's result for this claim",
        ),
        sa.Column("metadata", sa.JSON(), nullable=False, comment="an administrator's own"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_claims_provider_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["verification_id"], ["verifications.id"], name=op.f("fk_claims_verification_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("provider_id", "user_id", "uri", name=op.f("uq_claims_provider_id_user_id_uri")),
    )
    op.create_index(
        "ix_claims_sandbox",
        "claims",
        ["provider_id"],
        unique=False,
        sqlite_where=sa.text("environment = 'sandbox'"),
        postgresql_where=sa.text("environment = 'sandbox'"),
    )
    op.create_index(op.f("ix_claims_tenant_user_id"), "claims", ["tenant", "user_id"], unique=False)
    op.create_index(op.f("ix_claims_verification_id"), "claims", ["verification_id"], unique=False)

    op.create_table(
        "notice_subscriptions",
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["notice_endpoints.id"],
            name=op.f("fk_notice_subscriptions_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "event", name=op.f("pk_notice_subscriptions")),
    )
    op.create_table(
        "verification_claims",
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column(
            "applicant_field",
            sa.String(length=64),
            nullable=True,
            comment="null: it is not sent, the workflow's output tells of it",
        ),
        sa.Column(
            "output_pointer", sa.String(length=512), nullable=True, comment="where the workflow's output tells of it"
        ),
        sa.Column(
            "folded_fingerprint",
            sa.String(length=64),
            nullable=True,
            comment="of the value without regard to case and spaces",
        ),
        sa.Column(
            "output_role",
            sa.String(length=8),
            nullable=True,
            comment="value or result: the meaning of the output property",
        ),
        sa.Column(
            "output_value",
            sa.Text(),
            nullable=True,
            comment="encrypted: the value that was read there; null once its time is over",
        ),
        sa.Column(
            "fingerprint",
            sa.String(length=64),
            nullable=True,
            comment="of the value that was sent; empty until it was read, null without one",
        ),
        sa.Column("is_stale", sa.Boolean(), nullable=False, comment="the user's value has changed since"),
        sa.Column(
            "result",
            sa.String(length=64),
            nullable=True,
            comment="what this verification says of the claim; null until it has ended",
        ),
        sa.Column("is_verified", sa.Boolean(), nullable=True, comment="whether this verification has verified it"),
        sa.Column("rule", sa.String(length=32), nullable=True, comment="the rule that decided"),
        sa.Column(
            "finding",
            sa.String(length=64),
            nullable=True,
            comment="what was found for the claim, whether it counts or not",
        ),
        sa.Column(
            "found_at",
            sa.String(length=512),
            nullable=True,
            comment="a pointer in the workflow's output, or in a task's",
        ),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verifications.id"],
            name=op.f("fk_verification_claims_verification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("verification_id", "uri", name=op.f("pk_verification_claims")),
    )
    op.create_table(
        "verification_tags",
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=128), nullable=False),
        sa.Column(
            "provider_id",
            sa.String(length=36),
            nullable=False,
            comment="the verification's, as its time: lists follow an index",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verifications.id"],
            name=op.f("fk_verification_tags_verification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("verification_id", "tag", name=op.f("pk_verification_tags")),
    )
    op.create_index(
        op.f("ix_verification_tags_provider_id_tag_created_at"),
        "verification_tags",
        ["provider_id", "tag", "created_at"],
        unique=False,
    )


def downgrade() -> None:
    """Go back to an empty database."""
    op.drop_table("verification_tags")
    op.drop_table("verification_claims")
    op.drop_table("notice_subscriptions")
    op.drop_table("claims")
    op.drop_table("applicants")
    op.drop_table("verifications")
    op.drop_table("user_attributes")
    op.drop_table("refused_starts")
    op.drop_table("notice_endpoints")
    op.drop_table("events")
    op.drop_table("users")
    op.drop_table("status_writes")
    op.drop_table("signing_keys")
    op.drop_table("secrets")
    op.drop_table("providers")
    op.drop_table("outbox")
    op.drop_table("history")
    op.drop_table("directory_checks")
