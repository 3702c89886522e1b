"""Cursors: valid unchanged, in their list and tenant; anything else is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InvalidQuery
from connector.services.cursors import Cursors, Page, key_of
from connector.store.vault import OpaqueTexts

TEXTS = OpaqueTexts(bytes(32))
EVENTS = Cursors(TEXTS, "events")
NOW = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)


@given(st.one_of(st.text(), st.integers(0, 2**63)), st.text())
def test_a_position_is_read_back_from_its_cursor(row_id: str | int, tenant: str) -> None:
    position = EVENTS.position(tenant, EVENTS.write(tenant, key_of(NOW, row_id)))
    assert position
    assert (position.at, position.row_id) == (NOW, row_id)


def test_equal_positions_have_equal_cursors_which_do_not_reveal_them() -> None:
    first, second = (EVENTS.write("acme", ("ann@example.com",)) for _ in range(2))
    assert first == second
    assert "ann" not in first
    assert first.replace("-", "").replace("_", "").isalnum()


@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject) -> None:
    cursor = EVENTS.write("acme", key_of(NOW, "an-id"))
    at = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:at] + data.draw(st.characters().filter(lambda each: each != cursor[at])) + cursor[at + 1 :]
    for tampered in (changed, cursor[:at], cursor + changed, cursor + "=", data.draw(st.text(max_size=99))):
        with pytest.raises(InvalidQuery, match=r"cursor: must be the `nextCursor` of an earlier page of this list"):
            EVENTS.position("acme", tampered)


def test_a_cursor_of_another_list_tenant_or_deployment_is_refused() -> None:
    cursor = EVENTS.write("acme", key_of(NOW, "an-id"))
    for cursors, tenant in (
        (Cursors(TEXTS, "audit"), "acme"),
        (EVENTS, "other"),
        (Cursors(OpaqueTexts(bytes(31) + b"1"), "events"), "acme"),
    ):
        with pytest.raises(InvalidQuery):
            cursors.position(tenant, cursor)


def test_the_last_page_has_no_cursor() -> None:
    rows = ["ann", "ben", "cleo"]
    for limit, expected in ((3, rows), (4, rows), (0, [])):
        assert EVENTS.page("acme", rows, limit, lambda name: (name,)) == Page(expected, None)
    page = EVENTS.page("acme", rows, 2, lambda name: (name,))
    assert (page.rows, EVENTS.read("acme", page.next_cursor or "")) == (rows[:2], ["ben"])
    assert EVENTS.position("acme", None) is None


def test_a_time_in_another_zone_is_the_same_time() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-5)))
    position = EVENTS.position("acme", EVENTS.write("acme", key_of(there, 1)))
    assert position
    assert position.at == NOW
