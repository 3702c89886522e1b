"""Users of Keycloak's Admin REST API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.directory.credentials import bearer
from connector.directory.dialects import read_keycloak
from connector.directory.exchange import Exchange
from connector.directory.keycloak import KeycloakDirectory
from connector.directory.limits import Limits
from connector.domain.people.written_status import WrittenStatus
from connector.errors import Code, DirectoryError
from connector.http.client import HttpClient
from connector.shipped import directory_dialect
from tests.directory.faulty import FaultyDirectory, Reply
from tests.loopback import Quiet, serving

ANN: dict[str, Any] = {
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


@pytest.mark.parametrize("user_id", [".", ".."])
def test_an_id_with_path_traversal_is_unknown(faulty: FaultyDirectory, user_id: str) -> None:
    assert directory_of(faulty).values(user_id) is None
    assert not faulty.requests
    faulty.replies = [Reply(200, [ANN | {"id": user_id}])]
    with pytest.raises(DirectoryError, match="a list of users"):
        directory_of(faulty, "username").values("ann")


def test_a_user_is_found_by_name(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, [ANN])]
    assert directory_of(faulty, "username").values("ann") == VALUES
    assert "username=ann&exact=true" in faulty.requests[0].line


def test_an_unknown_user_has_no_values(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(404, {"error": "User not found"})]
    assert directory_of(faulty).values("1") is None
    faulty.replies = [Reply(200, b"[]")]
    assert directory_of(faulty, "username").values("ann") is None


@pytest.mark.parametrize("body", [b"", b"<html>", {"error": "Realm not found."}, {"error": ["User not found"]}])
def test_a_404_for_another_reason_is_not_a_missing_user(faulty: FaultyDirectory, body: Any) -> None:
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
def test_an_answer_without_the_requested_user_is_an_error(
    faulty: FaultyDirectory, look_up_by: str, answer: Any
) -> None:
    faulty.replies = [Reply(200, answer)]
    with pytest.raises(DirectoryError) as caught:
        directory_of(faulty, look_up_by).values("1" if look_up_by == "id" else "ann")
    assert caught.value.code is Code.DIRECTORY_REFUSED


def test_a_client_without_permission_is_reported(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(403, {"error": "HTTP 403 Forbidden"})]
    with pytest.raises(DirectoryError, match="give the client the permission"):
        directory_of(faulty).values("1")


# ── the status ───────────────────────────────────────────────────────────────────────────────────────────────────────

STATUS = WrittenStatus(True, ["dob", "name"], "2026-01-02T03:04:05Z", "Onfido", {"dob": True, "name": True})
WRITTEN = {
    "identityVerified": ["true"],
    "identityVerifiedClaims": ["dob", "name"],
    "identityVerifiedAt": ["2026-01-02T03:04:05Z"],
    "identityVerificationProvider": ["Onfido"],
}


class Realm:
    """One user of Keycloak's Admin REST API, which replaces a user as a whole and drops undeclared attributes."""

    def __init__(self, user: dict[str, Any], declared: set[str] | None = None) -> None:
        self.user = user
        self.puts: list[dict[str, Any]] = []
        realm = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802  the name that `http.server` calls
                self.answer(200, json.dumps(realm.user).encode())

            def do_PUT(self) -> None:  # noqa: N802  the same
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                realm.puts.append(body)
                attributes = body["attributes"].items()
                realm.user = body | {"attributes": {k: v for k, v in attributes if declared is None or k in declared}}
                self.answer(204)

        self.handler = Handler


def keycloak_at(url: str) -> KeycloakDirectory:
    exchange = Exchange(HttpClient(), url, bearer("t"), Limits("idp", seconds=10, places=4))
    return KeycloakDirectory(exchange, read_keycloak(directory_dialect("keycloak")), "id")


def test_the_status_is_written_and_all_other_attributes_are_kept() -> None:
    realm = Realm(dict(ANN))
    with serving(realm.handler) as url:
        directory = keycloak_at(url)
        assert directory.write_status("1", STATUS)
        assert realm.user == ANN | {"attributes": ANN["attributes"] | WRITTEN}
        assert directory.write_status("1", STATUS)
        assert len(realm.puts) == 1
        assert directory.write_status("1", WrittenStatus(False, ["dob"]))
        expected = {"identityVerified": ["false"], "identityVerifiedClaims": ["dob"]}
        assert realm.user["attributes"] == ANN["attributes"] | expected
        assert directory.write_status("1", WrittenStatus())
        assert realm.user == ANN


def test_a_user_without_attributes_gets_those_of_the_status() -> None:
    realm = Realm({"id": "1", "username": "ann"})
    with serving(realm.handler) as url:
        assert keycloak_at(url).write_status("1", WrittenStatus())
        assert keycloak_at(url).write_status("1", STATUS)
    assert realm.user["attributes"] == WRITTEN


def test_attributes_dropped_by_keycloak_are_reported() -> None:
    realm = Realm(dict(ANN), declared={"birthdate"})
    with serving(realm.handler) as url, pytest.raises(DirectoryError, match="declare them in the realm's user profile"):
        keycloak_at(url).write_status("1", STATUS)


@pytest.mark.parametrize("attributes", ["Annabella", [1], 7, [["a", "b"]]])
def test_attributes_that_are_not_an_object_are_never_replaced(faulty: FaultyDirectory, attributes: Any) -> None:
    faulty.replies = [Reply(200, ANN | {"attributes": attributes})]
    with pytest.raises(DirectoryError, match="attributes must be an object"):
        directory_of(faulty).write_status("1", STATUS)
    assert [each.line for each in faulty.requests] == ["GET /directory/users/1"]


def test_a_missing_user_is_reported(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(404, {"error": "User not found"})]
    assert not directory_of(faulty).write_status("1", STATUS)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            Reply(400, {"errorMessage": "error-invalid-value"}),
            "change of attributes.identityVerified.*: let the",
        ),
        (Reply(403, b""), "give the client the permission"),
        (Reply(500, b""), "HTTP 500 to the change of attributes.identityVerified.*if this stays"),
    ],
)
def test_a_refused_change_is_reported_with_advice(faulty: FaultyDirectory, reply: Reply, words: str) -> None:
    faulty.replies = [Reply(200, ANN), reply]
    with pytest.raises(DirectoryError, match=words):
        directory_of(faulty).write_status("1", STATUS)
