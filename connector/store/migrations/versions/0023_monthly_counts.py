"""Keep the numbers of days by month, so that a year of them is read from a few rows."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

SHOWN = ("started", "verified", "ended", "given_up")
OTHERS = ("refused", "given_up")

_counts = sa.table(
    "daily_counts",
    *(sa.column(name, sa.String) for name in ("tenant", "provider_id", "environment", "measure", "bucket")),
    sa.column("day", sa.Date),
    sa.column("n", sa.Integer),
)
_months = sa.table(
    "monthly_counts",
    *(sa.column(name, sa.String) for name in ("tenant", "provider_id", "environment")),
    sa.column("month", sa.Date),
    sa.column("is_of_verifications", sa.Boolean),
    *(sa.column(name, sa.JSON) for name in ("shown", "days", "totals")),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "monthly_counts",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False, comment="empty: of no provider that exists"),
        sa.Column("month", sa.Date(), nullable=False, comment="its first day, in UTC"),
        sa.Column("environment", sa.String(length=8), nullable=False, comment="empty: not known"),
        sa.Column(
            "is_of_verifications",
            sa.Boolean(),
            nullable=False,
            comment="else of refused starts and deliveries given up",
        ),
        sa.Column(
            "shown", sa.JSON(), nullable=False, comment="what is shown by day: a list for each measure and bucket"
        ),
        sa.Column("days", sa.JSON(), nullable=False, comment="the others, in the same form"),
        sa.Column("totals", sa.JSON(), nullable=False, comment="the sums of `days`"),
        sa.PrimaryKeyConstraint(
            "tenant", "provider_id", "month", "environment", "is_of_verifications", name=op.f("pk_monthly_counts")
        ),
    )
    op.create_index(
        op.f("ix_monthly_counts_month_is_of_verifications_provider_id"),
        "monthly_counts",
        ["month", "is_of_verifications", "provider_id"],
        unique=False,
    )

    _fill(op.get_bind())


def downgrade() -> None:
    """Go back to the version before: the former numbers of days are still there, and recent days are counted again."""
    op.drop_index(op.f("ix_monthly_counts_month_is_of_verifications_provider_id"), table_name="monthly_counts")
    op.drop_table("monthly_counts")


def _fill(connection: sa.Connection) -> None:
    """Copy what was counted into months: days that are older than 60 cannot be counted again."""
    place = (_counts.c.tenant, _counts.c.provider_id, _counts.c.environment)
    in_order = sa.select(_counts).order_by(*place, _counts.c.day)
    rows = connection.execute(in_order, execution_options={"yield_per": 1000})
    batch: list[dict[str, Any]] = []
    for (*names, month), counted in groupby(rows, key=lambda row: (*row[:3], row.day.replace(day=1))):
        of_month = dict(zip(("tenant", "provider_id", "environment"), names, strict=True)) | {"month": month}
        batch += [of_month | lines for lines in _lines(counted, monthrange(month.year, month.month)[1])]
    if batch:
        connection.execute(sa.insert(_months), batch)


def _lines(counted: Iterable[Any], size: int) -> Iterator[dict[str, Any]]:
    """Yield the counts of a month as lists with a number for each day, those of verifications and the others."""
    by_kind: dict[bool, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * size))
    for row in counted:
        by_kind[row.measure not in OTHERS][f"{row.measure}|{row.bucket}"][row.day.day - 1] += row.n
    for is_of_verifications, lines in by_kind.items():
        shown = {key: line for key, line in lines.items() if key.partition("|")[0] in SHOWN}
        days = {key: line for key, line in lines.items() if key not in shown}
        totals = {key: sum(line) for key, line in days.items()}
        yield {"is_of_verifications": is_of_verifications, "shown": shown, "days": days, "totals": totals}
