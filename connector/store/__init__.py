"""The database: SQLAlchemy Core over SQLite (the default) or PostgreSQL (at scale).

    models/          the tables, and the constraints that keep results right
    providers/       claims/   verifications/   people/   deliveries/   openid/   signals/   statistics/
                     the statements on each of them
    history.py       jobs.py   console_sessions.py   processes.py   removals.py
                     the statements that belong to no single one
    engine.py        transactions that read and transactions that write; migrations applied
    batch.py         statements that are sent together; compiled.py, pipeline.py: how
    hidden.py        lapsed.py   pages.py   free_rows.py   required.py
                     conditions and forms that many statements share
    vault.py         encryption at rest, and fingerprints of values that are not stored
    sealed.py        every encrypted column, and the context to which its values are bound
    dialect.py       the differences between the two databases; times.py: times in both
    writer_queue.py  SQLite's writers, one at a time; group_commit.py: those that wait share a transaction
    wake_up.py       notifications between processes
    migrations/      Alembic's migrations

Statuses change by compare-and-set in the statement itself; invariants are constraints. `services` own the
transactions: they open them with `Database.read()` and `Database.write()` and pass the connection on.
"""
