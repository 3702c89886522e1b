"""Paths to attributes: the values that they read, and refused paths."""

from __future__ import annotations

from typing import Any

import pytest

from connector.directory.paths import MemberPath, as_text, parse_member, parse_scim

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ANN: dict[str, Any] = {
    "userName": "ann",
    "active": False,
    "name": {"givenName": "Ann", "familyName": ""},
    "emails": [{"value": "ann@home", "type": "Home"}, {"value": "ann@work", "type": "work", "primary": True}],
    "phoneNumbers": [{"value": "1", "type": "mobile"}],
    "addresses": [{"type": "home", "locality": "Bern"}, {"type": "work", "locality": "Thun"}],
    "ims": [{"value": "a"}, {"value": "b"}],
    "nickNames": ["only"],
    "rank": 7,
    ENTERPRISE: {"employeeNumber": "70", "manager": {"displayName": "Bob"}},
    "urn:scim:wso2:schema": {"dateOfBirth": "1990-01-01"},
}
READ = [
    ("userName", "ann"),
    ("USERNAME", "ann"),
    ("name.givenName", "Ann"),
    ("name.GIVENNAME", "Ann"),
    ("name.familyName", ""),
    ("name.middleName", None),
    ("nothing", None),
    ("nothing.givenName", None),
    ("userName.sub", None),
    ("active", False),
    ("emails[primary eq true].value", "ann@work"),
    ("emails[primary eq false].value", "ann@home"),
    ('emails[type eq "home"].value', "ann@home"),
    ('emails[type eq "fax"].value', None),
    ("emails.value", "ann@work"),
    ("phoneNumbers.value", "1"),
    ('phoneNumbers[type eq "mobile"].value', "1"),
    ('addresses[type eq "work"].locality', "Thun"),
    ("addresses.locality", None),
    ("ims.value", None),
    ("nickNames", "only"),
    ('userName[type eq "x"]', None),
    (f"{ENTERPRISE}:employeeNumber", "70"),
    (f"{ENTERPRISE.upper().replace('URN:', 'urn:')}:employeenumber", "70"),
    (f"{ENTERPRISE}:manager.displayName", "Bob"),
    ("urn:scim:wso2:schema:dateOfBirth", "1990-01-01"),
    ("urn:not:there:dateOfBirth", None),
    ("rank", 7),
]


@pytest.mark.parametrize(("path", "value"), READ)
def test_a_scim_path_reads_the_attribute_that_it_names(path: str, value: object) -> None:
    assert parse_scim(path).read(ANN) == value


@pytest.mark.parametrize(
    ("condition", "matches"),
    [("7", True), ("7.0", True), ("8", False), ("true", False), ('"7"', False)],
)
def test_a_filter_compares_values_of_one_type(condition: str, matches: bool) -> None:
    user = {"ranks": [{"of": 7, "value": "seven"}, {"of": True, "value": "yes"}]}
    expected = "yes" if condition == "true" else "seven" if matches else None
    assert parse_scim(f"ranks[of eq {condition}].value").read(user) == expected


def test_a_filter_may_hold_brackets_and_quotes() -> None:
    path = parse_scim(r'emails[type eq "a\"]b"].value')
    assert path.read({"emails": [{"type": 'a"]b', "value": "x"}, "no object"]}) == "x"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "name.", ".name", "name givenName", "name.a.b", "emails[primary eq true", "emails[].value"),
        *("emails[primary eq yes].value", "emails[primary ne true].value", "emails[primary eq null].value"),
        *('emails[type eq "work" and primary eq true].value', "emails[type eq {}].value", "urn:x", "1name", "a/b"),
    ],
)
def test_an_invalid_scim_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a path such as"):
        parse_scim(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("given_name", "Ann"),
        ("address.locality", "Bern"),
        ("https://idp.example.com/birth.date", "1990"),
        ("attributes.birth.date", "2000"),
        ("attributes.several", None),
        ("attributes.none", None),
        ("given_name.more", None),
        ("absent", None),
    ],
)
def test_a_member_path_reads_the_member_that_it_names(path: str, value: object) -> None:
    user = {
        "given_name": "Ann",
        "address": {"locality": "Bern"},
        "https://idp.example.com/birth.date": "1990",
        "attributes": {"birth.date": ["2000"], "several": ["a", "b"], "none": []},
    }
    assert parse_member(path).read(user) == value


@pytest.mark.parametrize("text", ["", ".a", "a.", "a..b", "a\nb"])
def test_an_invalid_member_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be the name of a member"):
        parse_member(text)
    assert MemberPath("a").read({}) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[("Ann", "Ann"), (True, "true"), (False, "false"), (7, "7"), (1.5, "1.5"), ("", None), (" \u200b", None)],
        *[(None, None), ([], None), ({}, None), ("a\0b", None), ("\ud800", None), ("x" * 4096, "x" * 4096)],
        *[
            ("x" * 4097, None),
            ("\u0300\u0316" * 500_000, None),  # composing it would take minutes
            (float("nan"), None),
            (float("inf"), None),
            (-float("inf"), None),
            (10**300, "1" + "0" * 300),
        ],
    ],
)
def test_only_values_that_can_be_sent_are_read(value: object, text: str | None) -> None:
    assert as_text(value) == text
