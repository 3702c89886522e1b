"""The tables of the console: only digests of its own tokens, and an issuer's token, encrypted, if it is needed.

console_sessions      one row for each browser that is signed in
console_links         one-time links that sign in, under --dev
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table, Text

from connector.store.models.columns import id_column, metadata, partial_index, time_column

console_sessions = Table(
    "console_sessions",
    metadata,
    id_column(primary_key=True),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the browser's cookie"),
    Column("tenant", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("name", String(255), nullable=False, comment="the person's name, from the issuer"),
    Column("client_id", String(255), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", String(255), nullable=False, comment="`sub` at the issuer; the user's id may be another claim"),
    Column("issuer_session", String(255), comment="`sid`, which the issuer's sign-out names"),
    Column("scopes", JSON, nullable=False),
    time_column("created_at"),
    time_column("seen_at"),
    time_column("expires_at"),
    Column("access_token", Text, comment="encrypted: the person's; some directories can be read only with it"),
    time_column("token_expires_at", nullable=True),
    Column("draft", Text, comment="encrypted: a form that was sent after the session had ended, for the next one"),
    Column("browser", String(64), comment="its family and system in words, at the sign-in"),
    Column("address", String(64), comment="the browser's, at the sign-in"),
)
Index(None, console_sessions.c.tenant, console_sessions.c.created_at, console_sessions.c.id)
Index(None, console_sessions.c.tenant, console_sessions.c.user_id, console_sessions.c.created_at, console_sessions.c.id)
Index(None, console_sessions.c.subject)
Index(None, console_sessions.c.expires_at)
partial_index("ix_console_sessions_tokens", "access_token IS NOT NULL", console_sessions.c.token_expires_at)
partial_index("ix_console_sessions_idle_tokens", "access_token IS NOT NULL", console_sessions.c.seen_at)
partial_index("ix_console_sessions_of_issuer", "issuer_session IS NOT NULL", console_sessions.c.issuer_session)

console_links = Table(
    "console_links",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the link's secret"),
    Column("tenant", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("scopes", JSON, nullable=False),
    time_column("expires_at"),
)
Index(None, console_links.c.expires_at)
