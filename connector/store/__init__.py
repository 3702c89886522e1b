"""The database: SQLAlchemy Core over SQLite (the default) or PostgreSQL (at scale).

    engine.py      the database: transactions that read and transactions that write; migrations applied
    models.py      the tables, and the constraints that keep results right
    providers.py   verifications.py   verification_claims.py   claims.py   events.py   users.py   outbox.py   history.py
                   the statements on each of them
    verification_search.py   those for lists, exports and administrators' decisions
    vault.py       encryption at rest, and fingerprints of values that are not stored
    sealed.py      every encrypted column, and the context to which its values are bound
    times.py       times in both databases
    dialect.py     the differences between the two databases
    migrations/    Alembic's migrations

Statuses change by compare-and-set in the statement itself; invariants are constraints. `services` own the
transactions: they open them with `Database.read()` and `Database.write()` and pass the connection on.
"""
