"""`connector user`: the embedded directory, one by one and from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
GIVEN_NAME = "http://wso2.org/claims/givenname"


@pytest.fixture
def import_file(run: Run, tmp_path: Path) -> Callable[[str, str | bytes], Result]:
    """Import a file of this name and content."""

    def import_file(name: str, content: str | bytes) -> Result:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("user", "import", str(path))

    return import_file


def users(run: Run) -> dict[str, dict[str, str]]:
    """Give the attributes of every user."""
    ids = json.loads(run("user", "list", "--json").stdout)
    return {each: json.loads(run("user", "show", each, "--json").stdout)["attributes"] for each in ids}


class TestOneByOne:
    def test_a_user_is_added_shown_changed_and_listed(self, run: Run) -> None:
        assert run("user", "add", "ann", "-a", f"{GIVEN_NAME}=Ann=a", "-a", "dob=1990-01-01").stdout == "Added ann.\n"
        assert users(run) == {"ann": {GIVEN_NAME: "Ann=a", "dob": "1990-01-01"}}
        assert run("user", "set", "ann", "-a", f"{GIVEN_NAME}=Anna", "-a", "dob=").stdout == "Changed ann.\n"
        assert users(run) == {"ann": {GIVEN_NAME: "Anna"}}
        shown = run("user", "show", "ann").stdout
        assert "Anna" in shown
        assert shown.split()[-1] == "no", "not verified"
        assert run("user", "list").stdout.split() == ["USER", "ann"]

    def test_nothing_is_said_plainly(self, run: Run) -> None:
        assert run("user", "list").stdout == "There is no user.\n"
        run("user", "add", "ann")
        assert run("user", "show", "ann").stdout.endswith("No attributes.\n")

    def test_a_second_of_the_same_id_is_refused_in_its_tenant(self, run: Run) -> None:
        run("user", "add", "ann", "-a", "x=1")
        assert run("user", "add", "ann", "-a", "x=2").exit_code == 1
        assert run("user", "add", "ann", "--tenant", "acme").exit_code == 0
        assert users(run) == {"ann": {"x": "1"}}

    @pytest.mark.parametrize("user_id", ["", "x" * 256, "two\nlines", "zero\u200bwidth", "\udcff"])
    def test_an_id_that_no_token_has_is_refused(self, run: Run, user_id: str) -> None:
        result = run("user", "add", "--", user_id)
        assert (result.exit_code, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == 1

    @pytest.mark.parametrize("value", ["nul\0", "not utf-8 \udcff"])
    def test_a_value_that_cannot_be_stored_is_refused(self, run: Run, value: str) -> None:
        for command in ("add", "set"):
            result = run("user", command, "ann", "-a", f"x={value}")
            assert (result.exit_code, result.stdout) == (1, "")
            assert len(result.stderr.splitlines()) == 1

    def test_values_of_any_script_come_back_as_they_were(self, run: Run) -> None:
        name = "Zoë Łukasz 王小明 عائشة 𐍈 O'Brien"
        run("user", "add", "ann", "-a", f"x={name}")
        assert users(run)["ann"] == {"x": name}
        assert name in run("user", "show", "ann").stdout

    def test_a_removed_user_is_gone(self, run: Run) -> None:
        run("user", "add", "ann")
        assert run("user", "remove", "ann", input="n\n").exit_code == 1
        removed = run("user", "remove", "ann", "--yes")
        assert (removed.exit_code, "Nothing is to be deleted at Onfido" in removed.stdout) == (0, True)
        assert run("user", "show", "ann").exit_code == 1


class TestImport:
    CSV = f"id,{GIVEN_NAME},dob\nann,Ann,1990-01-01\nben,Ben,\n"

    def test_csv_and_json_say_the_same(self, run: Run, import_file: Callable[..., Result]) -> None:
        assert import_file("users.csv", self.CSV).stdout == "Added 2, changed 0.\n"
        expected = {"ann": {GIVEN_NAME: "Ann", "dob": "1990-01-01"}, "ben": {GIVEN_NAME: "Ben"}}
        assert users(run) == expected
        entries = [{"id": user_id} | attributes for user_id, attributes in expected.items()]
        assert import_file("users.json", json.dumps(entries)).stdout == "Added 0, changed 2.\n"
        assert users(run) == expected

    def test_the_same_file_again_changes_nothing(self, run: Run, import_file: Callable[..., Result]) -> None:
        import_file("users.csv", self.CSV)
        before = users(run)
        assert import_file("users.csv", self.CSV).stdout == "Added 0, changed 2.\n"
        assert users(run) == before

    def test_a_spreadsheets_byte_order_mark_and_line_ends_are_no_obstacle(
        self, run: Run, import_file: Callable[..., Result]
    ) -> None:
        assert import_file("USERS.CSV", b"\xef\xbb\xbf" + self.CSV.replace("\n", "\r\n").encode()).exit_code == 0
        assert users(run)["ann"] == {GIVEN_NAME: "Ann", "dob": "1990-01-01"}

    @pytest.mark.parametrize("value", ["High St 1, Flat 2", 'the "Old" House', "two\nlines", "a\u2028b", "a\x0bb"])
    def test_a_quoted_value_is_taken_as_it_is(self, run: Run, import_file: Callable[..., Result], value: str) -> None:
        quoted = value.replace('"', '""')
        assert import_file("users.csv", f'id,street\nann,"{quoted}"\nben,x\n').exit_code == 0
        assert users(run) == {"ann": {"street": value}, "ben": {"street": "x"}}

    @pytest.mark.parametrize(
        ("name", "content", "entry"),
        [
            ("no-id.csv", "id,x\nann,1\n,2\n", 2),
            ("no-id-column.csv", "user,x\nann,1\n", 1),
            ("too-many.csv", "id,x\nann,1\nben,2,3\n", 2),
            ("too-few.csv", "id,x,y\nann,1,2\nben,2\n", 2),
            ("long-id.csv", f"id,x\nann,1\n{'b' * 256},2\n", 2),
            ("nul.json", '[{"id": "ann"}, {"id": "ben", "x": "a\\u0000"}]', 2),
            ("number.json", '[{"id": "ann"}, {"id": "ben", "x": 7}]', 2),
            ("number-id.json", '[{"id": "ann"}, {"id": 7}]', 2),
            ("no-name.json", '[{"id": "ann"}, {"id": "ben", "": "x"}]', 2),
            ("surrogate.json", '[{"id": "ann"}, {"id": "ben", "x": "\\ud800"}]', 2),
            ("surrogate-id.json", '[{"id": "ann"}, {"id": "\\ud800"}]', 2),
        ],
    )
    def test_a_bad_entry_is_named_and_nobody_is_written(
        self, run: Run, import_file: Callable[..., Result], name: str, content: str, entry: int
    ) -> None:
        result = import_file(name, content)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{name}, entry {entry}: " in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert users(run) == {}

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("latin.csv", "id,x\nann,Zoë\n".encode("latin-1")),
            ("broken.json", b'[{"id": "ann"}'),
            ("object.json", b'{"id": "ann"}'),
            ("texts.json", b'["ann"]'),
            ("null.json", b"null"),
            ("zip.csv", b"PK\x03\x04\xff\xfe"),
            ("deep.json", b"[" * 100_000),
        ],
    )
    def test_a_file_of_another_kind_is_refused_by_name(
        self, run: Run, import_file: Callable[..., Result], name: str, content: bytes
    ) -> None:
        result = import_file(name, content)
        assert (result.exit_code, result.stdout) == (1, "")
        assert name in result.stderr
        assert users(run) == {}

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("users.csv", "id,x,y,x\nann,1,2,3\n", "the column x is there twice"),
            ("users.csv", "id,x\nann,1\nben,2\nann,3\n", "the user ann is in it more than once"),
            ("users.json", '[{"id": "ann"}, {"id": "ann"}]', "the user ann is in it more than once"),
        ],
    )
    def test_a_file_that_says_something_twice_is_refused(
        self, run: Run, import_file: Callable[..., Result], name: str, content: str, told: str
    ) -> None:
        result = import_file(name, content)
        assert (result.exit_code, result.stdout) == (1, "")
        assert told in result.stderr
        assert users(run) == {}

    def test_an_empty_file_adds_nobody(self, import_file: Callable[..., Result]) -> None:
        assert import_file("users.csv", "id\n").stdout == "Added 0, changed 0.\n"
        assert import_file("users.json", "[]").stdout == "Added 0, changed 0.\n"
