"""Verifications as CSV: unchanged when read back, harmless in a spreadsheet, sent in pieces."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.api.csv_lines import BYTE_ORDER_MARK, COLUMNS, PIECE, csv_pieces, harmless
from connector.domain.verifications.verification import Verification
from connector.services.lookup.verifications import ListedVerification, Outcome

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
RUN = ListedVerification(
    Verification(
        verification_id="the-id",
        tenant="acme",
        provider_id="the-provider",
        user_id="ann",
        status="approved",
        applicant_id="the-applicant",
        run_id="the-run",
        run_requested_at=AT,
        lease_owner=None,
        lease_until=None,
        environment="live",
        sends_user_id=False,
        failure=None,
        capture="sdk",
        dashboard_url="https://dashboard.example/the-run",
        result="sealed",
        wants_document=False,
        document="sealed",
        decision=None,
        created_at=AT,
        updated_at=AT,
        completed_at=None,
        closed_at=AT,
        client_id="shop",
        workflow_version_id=0,
        captured_at=AT,
    ),
    ("a", "b c"),
)


def with_(tags: tuple[str, ...] = (), **values: Any) -> ListedVerification:
    return ListedVerification(replace(RUN.verification, **values), tags)


def read(runs: list[ListedVerification]) -> list[dict[str, str]]:
    """Return some runs as a reader of CSV parses them."""
    sheet = "".join(csv_pieces(runs))
    assert sheet.count(BYTE_ORDER_MARK) == 1
    return list(csv.DictReader(io.StringIO(sheet.removeprefix(BYTE_ORDER_MARK), newline="")))


def test_an_export_without_runs_has_only_the_heading() -> None:
    assert "".join(csv_pieces([])) == BYTE_ORDER_MARK + ",".join(COLUMNS) + "\r\n"


def test_a_run_has_a_cell_in_each_column() -> None:
    outcome = Outcome({"givenname": "clear", "lastname": "consider", "dob": ""}, ("Too dark", "Expired"))
    assert read([replace(RUN, outcome=outcome)]) == [
        {
            "id": "the-id",
            "runId": "the-run",
            "providerId": "the-provider",
            "userId": "ann",
            "status": "approved",
            "decision": "",
            "applicantId": "the-applicant",
            "tags": "a b c",
            "capture": "sdk",
            "environment": "live",
            "clientId": "shop",
            "workflowVersionId": "0",
            "dashboardUrl": "https://dashboard.example/the-run",
            "createdAt": "2026-01-02T03:04:05Z",
            "updatedAt": "2026-01-02T03:04:05Z",
            "capturedAt": "2026-01-02T03:04:05Z",
            "completedAt": "",
            "closedAt": "2026-01-02T03:04:05Z",
            "failure": "",
            "needsReview": "false",
            "claims": "givenname; lastname; dob",
            "comparisons": "givenname: clear; lastname: consider",
            "reasons": "Too dark; Expired",
        }
    ]


@pytest.mark.parametrize(
    "text", ["a,b", 'say "a"', "two\nlines", "two\r\nlines", "semi;colon", "a;b|c", "Zoë 王小明", "'a", "a=b"]
)
def test_any_text_can_be_read_back_unchanged(text: str) -> None:
    [found] = read([with_(failure=text, user_id=text)])
    assert (found["failure"], found["userId"]) == (text, text)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫"])  # noqa: RUF001  meant
@pytest.mark.parametrize("space", ["", " ", "   ", "\t", "\r", "\n", "\u00a0", "\u3000", " \t\n"])
def test_formulas_get_an_apostrophe(sign: str, space: str) -> None:
    marked = space.replace("\t", "\t'").replace("\r", "\r'").replace("\n", "\n'")  # lines may be split there, too
    assert harmless(f"{space}{sign}HYPERLINK(1)") == f"'{marked}{sign}HYPERLINK(1)"


BREAKS = ["\t", "\n", "\v", "\f", "\r", "\x1c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("separator", [";", "|", *BREAKS])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff20"])
@pytest.mark.parametrize("between", ["", " ", '"', ' "', "\u3000", "\ufeff"])
def test_formulas_after_a_separator_get_an_apostrophe(separator: str, sign: str, between: str) -> None:
    assert harmless(f"ann{separator}{between}{sign}1;b") == f"ann{separator}'{between}{sign}1;b"


SEPARATORS = ",;|\t"
TEXTS = st.text(st.sampled_from("=+-@;|\t\n\r\"', ax\uff1d\u3000"), max_size=12)


@given(TEXTS, TEXTS, st.sampled_from(SEPARATORS))
@example('a;"=1', "", ";")
@example("a;", '"=1', ";")
@example("a\n=1", "b", "|")
def test_no_part_of_a_split_line_is_a_formula(one: str, other: str, separator: str) -> None:
    sheet = "".join(csv_pieces([with_(failure=one, user_id=other)])).removeprefix(BYTE_ORDER_MARK)
    quoted = [cell for line in csv.reader(io.StringIO(sheet, newline=""), delimiter=separator) for cell in line]
    parts = quoted
    if separator != ",":  # one that knows nothing of the quotes
        parts = quoted + [cell for line in re.split("[\r\n]", sheet) for cell in line.split(separator)]
    assert [part for part in parts if part.strip().lstrip('" \u3000')[:1] in tuple("=+-@\uff1d")] == []


@pytest.mark.parametrize("text", [f"{each}1" for each in BREAKS])
def test_formulas_after_a_control_character_get_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "ann", "a=1", "1-1", "0=", "'=1", "é", " a"])
def test_harmless_text_is_unchanged(text: str) -> None:
    assert harmless(text) == text


@given(st.text())
@example("\t")
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert harmless(text).lstrip()[:1] not in tuple("=+-@")


def test_every_column_with_text_of_callers_is_escaped() -> None:
    formula = "=cmd|'/c calc'!A1"
    names = {
        "userId": "user_id",
        "runId": "run_id",
        "status": "status",
        "decision": "decision",
        "applicantId": "applicant_id",
        "dashboardUrl": "dashboard_url",
        "failure": "failure",
    }
    [found] = read([with_((formula, "x"), **dict.fromkeys(names.values(), formula))])
    assert {found[column] for column in names} == {f"'{formula}"}
    assert found["tags"] == f"'{formula} x"


def test_pieces_are_bounded_contain_whole_lines_and_follow_the_runs() -> None:
    taken = 0

    def endless() -> Iterator[ListedVerification]:
        nonlocal taken
        while True:
            taken += 1
            yield RUN

    pieces = csv_pieces(endless())
    for _ in range(3):
        piece = next(pieces)
        assert PIECE <= len(piece) < PIECE + 1000
        assert piece.endswith("\r\n")
    assert taken < 3 * PIECE / 100
    pieces.close()
