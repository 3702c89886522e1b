"""Daily numbers that were counted before numbers were kept by month."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from connector.domain.statistics.month_counts import numbers_of
from connector.store import migrations
from connector.store.engine import Database
from connector.store.models import daily_counts as former
from connector.store.schema import VERSIONS, known_versions
from connector.store.statistics import daily_counts

FIRST, LAST = date(2025, 1, 30), date(2025, 4, 2)
DAYS = [FIRST + timedelta(days=at) for at in range((LAST - FIRST).days + 1)]
COUNTED = (("started", "ended"), ("verified", ""), ("seconds", "40"), ("attribute", "urn:given|clear"))
OTHERS = (("refused", "OIDV-10002"), ("given_up", "tell_change"))


@pytest.fixture
def database(empty_database_url: str) -> Any:
    database = Database(empty_database_url)
    yield database
    database.close()


def rows(tenant: str, provider_id: str, environment: str) -> list[dict[str, Any]]:
    place = {"tenant": tenant, "provider_id": provider_id, "environment": environment}
    measured = enumerate((*COUNTED, *OTHERS), 1)
    return [
        place | {"day": day, "measure": measure, "bucket": bucket, "n": number + at}
        for number, (measure, bucket) in measured
        for at, day in enumerate(DAYS)
    ]


def test_every_number_that_was_counted_is_read_by_month_after_the_migration(database: Database) -> None:
    [this] = [path.name[:4] for path in VERSIONS.glob("*_monthly_counts.py")]
    before = max(version for version in known_versions() if version < this)
    stored = [*rows("acme", "one", "live"), *rows("acme", "one", ""), *rows("acme", "two", "live")]
    with database.write() as connection:
        migrations.upgrade(connection, before)
        connection.execute(insert(former), [*stored, *rows("others", "one", "live")])
        migrations.upgrade(connection, this)

    for days in ((FIRST, LAST), (date(2025, 2, 1), date(2025, 3, 31)), (date(2025, 2, 10), date(2025, 2, 12))):
        expected: Counter[str] = Counter()
        for row in stored:
            if days[0] <= row["day"] <= days[1]:
                expected[f"{row['measure']}|{row['bucket']}"] += row["n"]
        with database.read() as connection:
            months = daily_counts.find(connection, "acme", ["one", "two"], days, ["live", ""])
        numbers = numbers_of(months, *days)
        assert numbers.totals == expected
        first = [row["n"] for row in stored if row["day"] == days[0] and row["measure"] == "started"]
        assert numbers.lines["started|ended"][0] == sum(first)
