"""`connector user`: the embedded directory, one by one and from files."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]
GIVEN_NAME = "http://wso2.org/claims/givenname"


def users(run: Run) -> dict[str, dict[str, str]]:
    """Return the attributes of every user."""
    ids = [each["userId"] for each in json.loads(run("user", "list", "--json").stdout)["users"]]
    return {each: json.loads(run("user", "show", each, "--json").stdout)["attributes"] for each in ids}


class TestSingleUsers:
    def test_a_user_is_added_shown_changed_and_listed(self, run: Run) -> None:
        assert run("user", "add", "ann", "-a", f"{GIVEN_NAME}=Ann=a", "-a", "dob=1990-01-01").stdout == "Added ann.\n"
        assert users(run) == {"ann": {GIVEN_NAME: "Ann=a", "dob": "1990-01-01"}}
        assert run("user", "set", "ann", "-a", f"{GIVEN_NAME}=Anna", "-a", "dob=").stdout == "Changed ann.\n"
        assert users(run) == {"ann": {GIVEN_NAME: "Anna"}}
        shown = run("user", "show", "ann").stdout
        assert "Anna" in shown
        assert "no provider verifies it" in shown
        heading, row = run("user", "list").stdout.splitlines()
        assert (heading.split()[0], row.split()[0]) == ("USER", "ann")

    def test_pages_follow_each_other_with_and_without_a_search(self, run: Run) -> None:
        for user_id in ("bea", "ann", "Anton", "dan", "Zoë an"):
            run("user", "add", user_id)
        for options in ((), ("--search", "an"), ("--search", "Zo")):
            whole = json.loads(run("user", "list", *options, "--json").stdout)
            pages: list[object] = []
            cursor: tuple[str, ...] = ()
            while not pages or cursor:
                page = json.loads(run("user", "list", *options, "--limit", "2", *cursor, "--json").stdout)
                pages += page["users"]
                cursor = ("--cursor", page["nextCursor"]) if page["nextCursor"] else ()
            assert (pages, whole["nextCursor"]) == (whole["users"], None)
        found = json.loads(run("user", "list", "--search", "an", "--json").stdout)["users"]
        assert {each["userId"] for each in found} == {"ann"}
        refused = run("user", "list", "--cursor", "ann")
        assert (refused.exit_code, "cursor: must be" in refused.stderr) == (1, True)

    def test_setting_an_unchanged_value_changes_nothing(self, run: Run) -> None:
        run("user", "add", "ann", "-a", "x=Zo\u00eb", "-a", "y=")
        for value in ("Zo\u00eb", "Zoe\u0308"):
            assert "nothing was changed" in run("user", "set", "ann", "-a", f"x={value}", "-a", "y=").stdout
        assert run("user", "set", "ann", "-a", "x=Zoe").stdout == "Changed ann.\n"

    def test_an_empty_list_is_reported(self, run: Run) -> None:
        assert run("user", "list").stdout == "There is no user.\n"
        run("user", "add", "ann")
        assert run("user", "show", "ann").stdout.endswith("No attributes.\n")

    def test_a_duplicate_user_id_is_refused_in_its_tenant(self, run: Run) -> None:
        run("user", "add", "ann", "-a", "x=1")
        assert run("user", "add", "ann", "-a", "x=2").exit_code == 1
        assert run("user", "add", "ann", "--tenant", "acme").exit_code == 0
        assert users(run) == {"ann": {"x": "1"}}

    @pytest.mark.parametrize("user_id", ["", "me", " ", "x" * 256, "two\nlines", "zero\u200bwidth", "\udcff"])
    def test_an_id_that_no_token_can_have_is_refused(self, run: Run, user_id: str) -> None:
        result = run("user", "add", "--", user_id)
        assert (result.exit_code, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == 1

    @pytest.mark.parametrize("value", ["nul\0", "not utf-8 \udcff"])
    def test_a_value_that_cannot_be_stored_is_refused(self, run: Run, value: str) -> None:
        for command in ("add", "set"):
            result = run("user", command, "ann", "-a", f"x={value}")
            assert (result.exit_code, result.stdout) == (1, "")
            assert len(result.stderr.splitlines()) == 1

    def test_values_of_any_script_are_returned_unchanged(self, run: Run) -> None:
        name = "Zoë Łukasz 王小明 عائشة 𐍈 O'Brien"
        run("user", "add", "ann", "-a", f"x={name}")
        assert users(run)["ann"] == {"x": name}
        assert name in run("user", "show", "ann").stdout

    def test_a_removed_user_is_not_found(self, run: Run) -> None:
        run("user", "add", "ann")
        assert run("user", "remove", "ann", input="n\n").exit_code == 1
        removed = run("user", "remove", "ann", "--yes")
        assert (removed.exit_code, "Nothing is to be deleted at Onfido" in removed.stdout) == (0, True)
        assert run("user", "show", "ann").exit_code == 1
