"""`connector user import`: common file formats, and the messages about invalid files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from connector.store.engine import Database
from connector.store.models import history
from tests.cli.test_upkeep import add_provider

Run = Callable[..., Result]
Import = Callable[..., Result]
GIVEN_NAME, LAST_NAME, BIRTH_DATE = (f"http://wso2.org/claims/{name}" for name in ("givenname", "lastname", "dob"))
CSV = f"id,{GIVEN_NAME},{BIRTH_DATE}\nann,Ann,1990-01-01\nben,Ben,\n"
USERS = {"ann": {GIVEN_NAME: "Ann", BIRTH_DATE: "1990-01-01"}, "ben": {GIVEN_NAME: "Ben"}}


@pytest.fixture
def import_file(run: Run, tmp_path: Path) -> Import:
    """Import a file of this content; `name` is its name."""

    def import_file(content: str | bytes, *options: str, name: str = "users.csv") -> Result:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("user", "import", str(path), *options)

    return import_file


@pytest.fixture
def users(run: Run) -> Callable[[], dict[str, dict[str, str]]]:
    """Return the attributes of every user."""

    def users() -> dict[str, dict[str, str]]:
        ids = [each["userId"] for each in json.loads(run("user", "list", "--json").stdout)["users"]]
        return {each: json.loads(run("user", "show", each, "--json").stdout)["attributes"] for each in ids}

    return users


def count(added: int = 0, changed: int = 0, unchanged: int = 0, refused: int = 0) -> str:
    return f"Added {added}, changed {changed}, unchanged {unchanged}, refused {refused}.\n"


class TestFileFormats:
    def test_csv_and_json_import_the_same_users(self, import_file: Import, users: Callable[[], Any]) -> None:
        assert import_file(CSV).stdout == count(added=2)
        assert users() == USERS
        entries = [{"id": user_id} | attributes for user_id, attributes in USERS.items()]
        assert import_file(json.dumps(entries), name="users.json").stdout == count(unchanged=2)
        assert users() == USERS

    @pytest.mark.parametrize(
        "content",
        [
            b"\xef\xbb\xbf" + CSV.encode(),
            CSV.replace("\n", "\r\n"),
            CSV.replace("\n", "\r"),
            CSV.removesuffix("\n"),
            "\n\n" + CSV + "\n\n",
            "sep=,\n" + CSV,
            "sep=;\r\n" + CSV.replace(",", ";").replace("\n", "\r\n"),
            b"\xef\xbb\xbf" + b'"SEP=;"\n' + CSV.replace(",", ";").encode(),
            "sep=\t\n" + CSV.replace(",", "\t"),
            "sep=^\n" + CSV.replace(",", "^"),
            "sep=;;;\n" + CSV.replace(",", ";"),
            CSV.replace(",", ";"),
            CSV.replace(",", "\t"),
            CSV.replace(",", "|"),
            CSV.replace(",", ", "),
            CSV.replace(",", " , ").replace("\n", "  \n"),
            CSV.replace(",", " ;\u00a0"),
            CSV.replace("ann", '" ann "').replace("Ann", '"Ann" '),
            CSV.replace("\n", ",,,\n"),
            CSV.replace("\n", ", ,\n").replace(",", ";"),
            CSV.replace("ben", ',,\n , ,\n,,,,\n"",\nben'),
            CSV + ",,\n" * 3,
            CSV.replace("id", "ID"),
            CSV.replace("id", " Id "),
            "\n".join(",".join([row.split(",")[1], row.split(",")[0], row.split(",")[2]]) for row in CSV.split()),
        ],
    )
    def test_the_csv_formats_of_common_spreadsheets_are_accepted(
        self, import_file: Import, users: Callable[[], Any], content: str | bytes
    ) -> None:
        result = import_file(content)
        assert (result.stdout, result.stderr) == (count(added=2), "")
        assert users() == USERS

    @pytest.mark.parametrize(
        "value",
        [
            *("High St 1, Flat 2", 'the "Old" House', "one; two\tthree", "sep=;", "a|b", "'=x"),
            *("two\nlines", "two\r\nlines", "three\n\nlines", "a\u2028b", "a\x0bb"),
        ],
    )
    def test_a_quoted_value_is_imported_unchanged(
        self, import_file: Import, users: Callable[[], Any], value: str
    ) -> None:
        quoted = value.replace('"', '""')
        assert import_file(f'id,{GIVEN_NAME}\nann,"{quoted}"\nben,x\n').exit_code == 0
        assert users() == {"ann": {GIVEN_NAME: value}, "ben": {GIVEN_NAME: "x"}}

    def test_a_file_may_come_from_standard_input(self, run: Run, users: Callable[[], Any]) -> None:
        assert run("user", "import", "-", input=CSV).stdout == count(added=2)
        entries = json.dumps([{"id": "ann", GIVEN_NAME: "Anna"}])
        assert run("user", "import", "-", input=entries).stdout == count(changed=1)
        assert users()["ann"][GIVEN_NAME] == "Anna"

    def test_an_empty_cell_removes_the_value_and_a_missing_column_keeps_it(
        self, import_file: Import, users: Callable[[], Any]
    ) -> None:
        import_file(CSV)
        assert import_file(f"id,{GIVEN_NAME}\nann,\nben,Ben\n").stdout == count(changed=1, unchanged=1)
        assert users() == {"ann": {BIRTH_DATE: "1990-01-01"}, "ben": {GIVEN_NAME: "Ben"}}

    @pytest.mark.parametrize(("name", "content"), [("users.csv", "id\n"), ("users.json", "[]")])
    def test_a_file_without_users_adds_no_user(self, import_file: Import, name: str, content: str) -> None:
        assert import_file(content, name=name).stdout == count()


class TestImportingAgain:
    def test_an_unchanged_file_leaves_no_trace(self, import_file: Import, data_dir: Path) -> None:
        import_file(CSV)
        before = entries(data_dir)
        nfd = CSV.replace("Ann", "Zoe\u0308")
        import_file(CSV.replace("Ann", "Zo\u00eb"))
        assert [entry["current"] for entry in entries(data_dir)] == [*(e["current"] for e in before), "changed"]
        assert import_file(nfd).stdout == count(unchanged=2)
        assert len(entries(data_dir)) == len(before) + 1

    def test_the_history_names_exactly_the_changed_claims(self, import_file: Import, data_dir: Path) -> None:
        import_file(CSV)
        assert import_file(CSV.replace("Ann", "Anna")).stdout == count(changed=1, unchanged=1)
        last = entries(data_dir)[-1]
        assert (last["name"], last["current"], last["detail"]) == ("ann", "changed", {"claims": [GIVEN_NAME]})

    def test_a_dry_run_counts_the_same_and_writes_nothing(self, import_file: Import, users: Callable[[], Any]) -> None:
        import_file(CSV)
        changed = CSV.replace("Ann", "Anna") + "carl,Carl,\n"
        planned = import_file(changed, "--dry-run").stdout
        assert planned == "Nothing was written. The result would be: " + count(1, 1, 1).lower()
        assert users() == USERS
        assert import_file(changed).stdout == count(1, 1, 1)


def entries(data_dir: Path) -> list[Any]:
    """Return the history."""
    database = Database(f"sqlite:///{data_dir / 'connector.db'}")
    with database.read() as connection:
        found = [row._asdict() for row in connection.execute(select(history).order_by(history.c.id))]
    database.close()
    return found


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "places"),
        [
            ("id,x\nann,1\n,2\n", ["line 3, column id: must not be empty"]),
            ("id,x\nann,1\n , 2\n", ["line 3, column id: must not be empty"]),
            ("id,x\nme,1\n", ["line 2, column id: must not be me"]),
            ("id,x\nann,1\nben,2,3\n", ["line 3, column 3: has a value"]),
            ("id,x,\nann,1,,\nben,2,3\n", ["line 3, column 3: has a value"]),
            ("id,,x\nann,stray,1\n", ["line 2, column 2: has a value"]),
            ("id,x,y\nann,1,2\nben,2\n", ["line 3: has 2 cells; must have 3"]),
            ("id,x,y\nann,two\nlines,2\n", ["line 2: has 2 cells", "line 3: has 2 cells"]),
            (f"id,x\nann,1\n{'b' * 256},2\n", ["line 3, column id: must have at most 255 characters, not 256"]),
            ("id,x\nzero\u200bwidth,1\n", ["line 2, column id: must contain only printable characters"]),
            ('id,x\nann,"1\n2"\nben,\x07\n', ["line 4, column x: must be Unicode text"]),
            ("id,x\nann,1\nben,2\n\n ann ,3\n", ["the user ann is in it more than once, first in line 2"]),
            ("sep=;\nid;x\n\nann;1;2\n", ["line 4, column 3: has a value"]),
        ],
    )
    def test_an_invalid_row_is_named_by_line_and_column_and_no_user_is_written(
        self, import_file: Import, users: Callable[[], Any], content: str, places: list[str]
    ) -> None:
        result = import_file(content)
        assert (result.exit_code, result.stdout) == (1, "")
        refusals = [line for line in result.stderr.splitlines() if line.startswith("users.csv, line")]
        assert len(refusals) == len(places)
        for refusal, place in zip(refusals, places, strict=True):
            assert place in refusal
        assert "nothing was written" in result.stderr
        assert users() == {}

    @pytest.mark.parametrize(
        ("item", "place"),
        [
            ({"id": "ben", "x": 7}, "member x: is a number; must be text"),
            ({"id": "ben", "x": None}, "member x: is null; must be text"),
            ({"id": "ben", "x": ["a"]}, "member x: is a list; must be text"),
            ({"id": 7}, "member id: is a number; must be text"),
            ({"x": "a"}, "member id: must not be empty"),
            ({"id": "ben", "": "x"}, "its name must not be empty"),
            ({"id": "ben", "x": "a\0"}, "member x: must be Unicode text"),
            ({"id": "ben", "x": "\ud800"}, "member x: must be Unicode text"),
            ({"id": "\ud800"}, "member id: must contain only printable characters"),
            ({"id": "ann"}, "the user ann is in it more than once, first in entry 1"),
        ],
    )
    def test_an_invalid_json_object_is_named_by_number_and_member(
        self, import_file: Import, users: Callable[[], Any], item: dict[str, Any], place: str
    ) -> None:
        result = import_file(json.dumps([{"id": "ann"}, item]), name="users.json")
        assert (result.exit_code, result.stdout) == (1, "")
        [refusal] = [line for line in result.stderr.splitlines() if line.startswith("users.json, entry 2")]
        assert place in refusal
        assert users() == {}

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (CSV.encode("utf-16"), "saved as UTF-16"),
            (CSV.encode("utf-16-le"), "saved as UTF-16"),
            (CSV.encode("utf-16-be"), "saved as UTF-16"),
            (b"\xfe\xff" + CSV.encode("utf-16-be"), "saved as UTF-16"),
            (CSV.encode("utf-32"), "saved as UTF-32"),
            (
                CSV.replace("Ben", "Zo\u00eb").encode("cp1252"),
                "line 3 is not UTF-8: the file was saved probably as Win",
            ),
            (CSV.replace("Ann", "\u20ac").encode("cp1252"), "line 2 is not UTF-8"),
            (CSV.replace("Ann", "\u0158eho\u0159").encode("iso8859-2"), "line 2 is not UTF-8"),
            (CSV.replace("Ann", "\u65e5\u672c").encode("shift-jis"), "line 2 is not UTF-8"),
            (CSV.encode() + b"carl,\x81\x8d,\n", "line 4 is not UTF-8: the file was saved in another encoding"),
            (b"PK\x03\x04\xff\xfe", "a workbook (.xlsx, .ods) or zip file"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "a workbook (.xls)"),
        ],
    )
    def test_another_encoding_is_refused_with_advice(
        self, import_file: Import, users: Callable[[], Any], content: bytes, found: str
    ) -> None:
        result = import_file(content)
        assert (result.exit_code, result.stdout) == (1, "")
        [line] = result.stderr.splitlines()
        assert line.startswith("Error: users.csv: ")
        for words in (found, "UTF-8", "Save As", "Nothing was written"):
            assert words in line
        assert users() == {}

    @pytest.mark.parametrize(
        ("name", "content", "found"),
        [
            ("users.csv", "", "must have a column id"),
            ("users.csv", "user,x\nann,1\n", "must have a column id"),
            ("users.csv", "id,x,y,x\nann,1,2,3\n", "the column x is there twice"),
            ("users.csv", "id, x ,x\nann,1,2\n", "the column x is there twice"),
            ("users.csv", f"id,{'x' * 256}\n", "the name of the column"),
            ("users.csv", 'id,x\nann,1\nben,"2\ncarl,3\n', 'line 3: a cell begins with "'),
            ("users.csv", f'id,x\nann,"{"x" * 200_000}', "line 2: a cell has more than 131,072 characters"),
            ("users.csv", f"id,x\nann,{'x' * 200_000}\n", "line 2: a cell has more than 131,072 characters"),
            ("users.json", '[{"id": "ann"}', "it is not JSON"),
            ("users.json", "[1e" + "9" * 5_000 + ", 7" + "7" * 5_000 + "]", "must be a list of objects"),
            ("users.json", '{"id": "ann"}', "must be a list of objects"),
            ("users.json", '["ann"]', "must be a list of objects"),
            ("users.json", "null", "must be a list of objects"),
            ("users.json", "[" * 100_000, "must be a list of objects"),
            ("users.json", '[{"id": "ann", "x": "1", "x": "2"}]', "the member x twice"),
        ],
    )
    def test_a_file_of_another_form_is_refused_as_a_whole(
        self, import_file: Import, users: Callable[[], Any], name: str, content: str, found: str
    ) -> None:
        result = import_file(content, name=name)
        assert (result.exit_code, result.stdout) == (1, "")
        [line] = result.stderr.splitlines()
        assert line.startswith(f"Error: {name}: ")
        assert found in line
        assert users() == {}

    def test_no_refusal_repeats_a_value(self, import_file: Import) -> None:
        secret = "Passport-7"
        for content in (f"id,x\nann,1,{secret}\n", f"id,x,y\nann,{secret}\n", f"id,x\nann,{secret}\x07\n"):
            result = import_file(content)
            assert result.exit_code == 1
            assert secret not in result.output

    def test_all_refusals_are_counted_and_the_first_are_shown(self, import_file: Import) -> None:
        result = import_file("id,x\n" + ",1\n" * 1000 + "ann,1\n", "--json")
        assert json.loads(result.stdout) == {"added": 0, "changed": 0, "unchanged": 0, "refused": 1000}
        said, _, error = result.stderr.partition("{")
        assert len(said.splitlines()) == 22, "20, how many more, and a warning"
        assert "1,000 of 1,001 users are refused" in json.loads("{" + error)["description"]

    def test_valid_rows_are_imported_despite_refused_ones_on_request(
        self, import_file: Import, users: Callable[[], Any]
    ) -> None:
        result = import_file(CSV + "me,Me,\nann,Again,\n", "--skip-refused")
        assert (result.exit_code, result.stdout) == (0, count(added=2, refused=2))
        assert users() == USERS


class TestWarnings:
    def test_unused_claims_and_unusual_dates_cause_warnings(self, run: Run, import_file: Import) -> None:
        add_provider(run, GIVEN_NAME, LAST_NAME, BIRTH_DATE)
        content = f"id,{GIVEN_NAME},{LAST_NAME}s,nick,{BIRTH_DATE}\nann,Ann,X,A,31.12.1990\nben,B,X,B,1990-02-30\n"
        result = import_file(content, "--dry-run")
        nick, names, dates = sorted(result.stderr.splitlines(), key=len)
        assert nick == "Warning: users.csv, column nick: no provider of the tenant uses it."
        assert names.endswith(f"column {LAST_NAME}s: no provider of the tenant uses it (did you mean {LAST_NAME}?).")
        assert f"column {BIRTH_DATE}: 2 values are not" in dates
        assert "first in line 2: 99.99.9999" in dates
        assert "1990-12" not in result.output
        assert "31.12" not in result.output

    def test_the_shipped_dialects_name_the_usual_claims_if_there_is_no_provider(self, import_file: Import) -> None:
        result = import_file(f"id,given_name,{GIVEN_NAME}x\nann,Ann,Ann\n")
        [line] = result.stderr.splitlines()
        assert f"{GIVEN_NAME}x: no claim dialect has it (did you mean {GIVEN_NAME}?)" in line
        assert result.exit_code == 0

    def test_users_that_no_provider_can_verify_are_reported(self, run: Run, import_file: Import) -> None:
        add_provider(run, GIVEN_NAME, LAST_NAME)
        run("user", "add", "carl", "-a", f"{LAST_NAME}=C")
        content = f"id,{GIVEN_NAME}\nann,Ann\nben,\ncarl,Carl\n"
        planned = import_file(content, "--dry-run").stdout
        result = import_file(content)
        assert result.stdout.splitlines() == [
            "Added 2, changed 1, unchanged 0, refused 0.",
            "2 of them cannot be verified by any provider; they have no value for:",
            f"  ann: {LAST_NAME}",
            f"  ben: {GIVEN_NAME}, {LAST_NAME}",
        ]
        assert planned.splitlines()[1:] == result.stdout.splitlines()[1:]
        many = f"id,{LAST_NAME}\n" + "".join(f"user-{at},X\n" for at in range(25))
        assert import_file(many, "--dry-run").stdout.endswith("  … and 5 more: see --json.\n")
        machine = json.loads(import_file(content, "--json").stdout)
        assert machine == {
            "added": 0,
            "changed": 0,
            "unchanged": 3,
            "refused": 0,
            "dryRun": False,
            "unverifiable": {"ann": [LAST_NAME], "ben": [GIVEN_NAME, LAST_NAME]},
        }
