"""Users of Keycloak's Admin REST API."""

from __future__ import annotations

from typing import Any

import pytest

from connector.directory.credentials import bearer
from connector.directory.dialects import read_keycloak
from connector.directory.exchange import Exchange
from connector.directory.keycloak import KeycloakDirectory
from connector.directory.limits import Limits
from connector.errors import Code, DirectoryError
from connector.http.client import HttpClient
from connector.shipped import directory_dialect
from tests.directory.faulty import FaultyDirectory, Reply

ANN = {
    "id": "1",
    "username": "ann",
    "firstName": "Ann",
    "lastName": "Example",
    "email": "ann@example.com",
    "attributes": {"birthdate": ["1990-01-01"], "locale": ["de"], "phoneNumber": ["1", "2"]},
}
VALUES = {
    "given_name": "Ann",
    "family_name": "Example",
    "email": "ann@example.com",
    "birthdate": "1990-01-01",
}


def directory_of(faulty: FaultyDirectory, look_up_by: str = "id") -> KeycloakDirectory:
    exchange = Exchange(HttpClient(), faulty.url, bearer("t"), Limits("idp", seconds=10, places=4))
    return KeycloakDirectory(exchange, read_keycloak(directory_dialect("keycloak")), look_up_by)


def test_a_user_is_read_by_id(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, ANN)]
    assert directory_of(faulty).values("1") == VALUES
    assert faulty.requests[0].line == "GET /directory/users/1"


def test_an_id_cannot_lead_to_another_path(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(404, {"error": "User not found"})]
    assert directory_of(faulty).values("../clients?a=b#c") is None
    assert faulty.requests[0].line == "GET /directory/users/..%2Fclients%3Fa%3Db%23c"


def test_a_user_is_found_by_name(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, [ANN])]
    assert directory_of(faulty, "username").values("ann") == VALUES
    assert "username=ann&exact=true" in faulty.requests[0].line


def test_a_user_who_is_not_there_has_no_values(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(404, {"error": "User not found"})]
    assert directory_of(faulty).values("1") is None
    faulty.replies = [Reply(200, b"[]")]
    assert directory_of(faulty, "username").values("ann") is None


@pytest.mark.parametrize("body", [b"", b"<html>", {"error": "Realm not found."}, {"error": ["User not found"]}])
def test_a_404_for_another_reason_makes_nobody_look_gone(faulty: FaultyDirectory, body: Any) -> None:
    faulty.replies = [Reply(404, body)]
    with pytest.raises(DirectoryError, match="correct its URL"):
        directory_of(faulty).values("1")


@pytest.mark.parametrize(
    ("look_up_by", "answer"),
    [
        ("id", {**ANN, "id": "2"}),
        ("id", [ANN]),
        ("username", [{**ANN, "username": "anna"}]),
        ("username", [ANN, ANN]),
        ("username", [{"username": "ann"}]),
        ("username", ["ann"]),
        ("username", ANN),
    ],
)
def test_another_answer_than_the_user_is_an_error(faulty: FaultyDirectory, look_up_by: str, answer: Any) -> None:
    faulty.replies = [Reply(200, answer)]
    with pytest.raises(DirectoryError) as caught:
        directory_of(faulty, look_up_by).values("1" if look_up_by == "id" else "ann")
    assert caught.value.code is Code.DIRECTORY_REFUSED


def test_a_client_without_permission_is_told(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(403, {"error": "HTTP 403 Forbidden"})]
    with pytest.raises(DirectoryError, match="give the client the permission"):
        directory_of(faulty).values("1")
