"""The tables of the OpenID provider; secrets and tokens are there as digests only.

openid_clients        relying parties
openid_flows          authorization requests, from their push to their tokens
openid_assertions     ids of assertions by which clients have proved themselves: each is good once
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, String, Table, Text, false

from connector.store.models.columns import id_column, metadata, partial_index, provider_id_column, time_column

openid_clients = Table(
    "openid_clients",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    provider_id_column(),
    Column("name", String(255), nullable=False),
    Column("profile", String(16), nullable=False, comment="okta or ida"),
    Column("redirect_uris", JSON, nullable=False),
    Column("claims", JSON, nullable=False, comment="OpenID names of the claims that it may request; empty: all"),
    Column("keys", JSON, nullable=False, comment="its public keys; empty: it has a secret"),
    Column("is_enabled", Boolean, nullable=False),
    Column(
        "allows_sandbox", Boolean, nullable=False, server_default=false(), comment="whether it accepts sandbox results"
    ),
    Column("secret_digest", String(64), nullable=False, comment="SHA-256"),
    Column("previous_secret_digest", String(64), comment="valid until it expires"),
    time_column("previous_secret_expires_at", nullable=True),
    time_column("created_at"),
    time_column("updated_at"),
)
Index(None, openid_clients.c.tenant, openid_clients.c.created_at, openid_clients.c.id)
Index(None, openid_clients.c.provider_id)

openid_flows = Table(
    "openid_flows",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("client_id", ForeignKey("openid_clients.id", ondelete="CASCADE"), nullable=False),
    Column("provider_id", String(36), nullable=False),
    Column("state", String(16), nullable=False, comment="pushed, opened, started, answered, redeemed or refused"),
    Column("user_id", String(255), comment="the user who is verified, once that has begun"),
    Column(
        "subject_digest",
        String(64),
        nullable=False,
        comment="of the person to verify, as the client names them; limits attempts",
    ),
    Column("request_digest", String(64), nullable=False, unique=True, comment="SHA-256 of the request_uri"),
    Column("browser_digest", String(64), comment="SHA-256 of the cookie of the browser that opened it"),
    Column("code_digest", String(64), unique=True, comment="SHA-256 of the code"),
    Column("token_digest", String(64), unique=True, comment="SHA-256 of the access token"),
    Column("uris", JSON, nullable=False, comment="the claims to be verified"),
    Column("parameters", Text, nullable=False, comment="encrypted: the request"),
    Column("sent_values", Text, comment="encrypted: the values of the request; null after its retention"),
    Column("result", Text, comment="encrypted: the content of its tokens"),
    time_column("created_at"),
    time_column("expires_at"),
)
Index(None, openid_flows.c.client_id)
Index(None, openid_flows.c.expires_at)
Index(None, openid_flows.c.user_id)
Index(None, openid_flows.c.provider_id, openid_flows.c.subject_digest, openid_flows.c.created_at)
partial_index("ix_openid_flows_sent_values", "sent_values IS NOT NULL", openid_flows.c.expires_at)

openid_assertions = Table(
    "openid_assertions",
    metadata,
    Column("client_id", ForeignKey("openid_clients.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the assertion's jti"),
    time_column("expires_at"),
)
Index(None, openid_assertions.c.expires_at)
