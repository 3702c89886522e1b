"""What the connector remembers: SQLAlchemy Core over SQLite (the default) or PostgreSQL (at scale).

    engine.py      the database: transactions that read and transactions that write; migrations applied
    models.py      the tables, and the constraints that keep results right
    queries.py     every statement on verifications, claims and events
    vault.py       encryption at rest, and fingerprints of values that are not stored
    migrations/    Alembic's

Statuses move by compare-and-set in the statement itself; what must not happen is a constraint. `services` own the
transactions: they open them with `Database.read()` and `Database.write()` and pass the connection on.
"""
