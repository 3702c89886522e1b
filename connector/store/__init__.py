"""What the connector remembers: SQLAlchemy Core over SQLite (the default) or PostgreSQL (at scale).

    engine.py      the database: transactions that read and transactions that write; migrations applied
    models.py      the tables, and the constraints that keep results right
    providers.py   verifications.py   attempt_claims.py   claims.py   events.py   users.py   outbox.py   history.py
                   the statements on each of them
    runs.py        those for who looks at runs from outside
    vault.py       encryption at rest, and fingerprints of values that are not stored
    sealed.py      every encrypted column, and the place its values are sealed for
    times.py       times as both databases keep them
    dialect.py     the one place where the two databases are spoken differently
    migrations/    Alembic's

Statuses move by compare-and-set in the statement itself; what must not happen is a constraint. `services` own the
transactions: they open them with `Database.read()` and `Database.write()` and pass the connection on.
"""
