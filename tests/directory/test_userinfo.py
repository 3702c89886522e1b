"""Values from UserInfo, with the user's own access token."""

from __future__ import annotations

from typing import Any

import pytest

from connector.directory.credentials import Fixed
from connector.directory.dialects import read_userinfo
from connector.directory.exchange import Exchange
from connector.directory.limits import Limits
from connector.directory.userinfo import UserInfoDirectory
from connector.domain.people.written_status import WrittenStatus
from connector.errors import Code, DirectoryError
from connector.http.client import HttpClient
from connector.shipped import directory_dialect
from tests.directory.faulty import FaultyDirectory, Reply

ANN = {
    "sub": "ann",
    "given_name": "Ann",
    "birthdate": "1990-01-01",
    "address": {"country": "CH", "locality": "Bern"},
    "email_verified": True,
}


def directory_of(faulty: FaultyDirectory, user_id_claim: str = "sub") -> UserInfoDirectory:
    exchange = Exchange(HttpClient(), faulty.url, Fixed(""), Limits("idp", seconds=10, places=4))
    return UserInfoDirectory(exchange, read_userinfo(directory_dialect("oidc")), user_id_claim)


def test_values_are_read_with_the_users_own_token(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, ANN)]
    assert directory_of(faulty).values("ann", "token of ann") == {
        "given_name": "Ann",
        "birthdate": "1990-01-01",
        "address.country": "CH",
        "address.locality": "Bern",
    }
    [request] = faulty.requests
    assert request.line == "GET /directory"
    assert request.headers["Authorization"] == "Bearer token of ann"


def test_another_claim_may_identify_the_user(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, {"sub": "pairwise", "oid": "ann", "given_name": "Ann"})]
    assert directory_of(faulty, "oid").values("ann", "t") == {"given_name": "Ann"}


@pytest.mark.parametrize("answer", [{**ANN, "sub": "bob"}, {**ANN, "sub": ["ann"]}, {"given_name": "Ann"}])
def test_an_answer_about_another_user_is_not_used(faulty: FaultyDirectory, answer: Any) -> None:
    faulty.replies = [Reply(200, answer)]
    with pytest.raises(DirectoryError, match="its sub must be the id of the user") as caught:
        directory_of(faulty).values("ann", "t")
    assert caught.value.code is Code.DIRECTORY_REFUSED


def test_nothing_is_requested_without_the_users_token(faulty: FaultyDirectory) -> None:
    with pytest.raises(DirectoryError, match="only the user can") as caught:
        directory_of(faulty).values("ann")
    assert caught.value.code is Code.NEEDS_THE_USER
    assert faulty.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_unusable_for_userinfo_is_reported_as_the_callers_error(faulty: FaultyDirectory, status: int) -> None:
    faulty.replies = [Reply(status, {"error": "insufficient_scope"})]
    with pytest.raises(DirectoryError, match="with the scope openid") as caught:
        directory_of(faulty).values("ann", "secret token")
    assert caught.value.code is Code.NEEDS_THE_USER
    assert "secret token" not in str(caught.value)
    assert len(faulty.requests) == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(200, b"ey.ey.sig", {"Content-Type": "application/jwt"}), Code.DIRECTORY_REFUSED),
        (Reply(404, b""), Code.DIRECTORY_REFUSED),
        (Reply(303, b"", {"Location": "/login"}), Code.DIRECTORY_REFUSED),
        (Reply(503, b""), Code.DIRECTORY_UNREACHABLE),
    ],
)
def test_any_other_answer_is_an_error_of_the_directory(faulty: FaultyDirectory, reply: Reply, code: Code) -> None:
    faulty.replies = [reply]
    with pytest.raises(DirectoryError) as caught:
        directory_of(faulty).values("ann", "t")
    assert caught.value.code is code


def test_userinfo_is_never_written_to(faulty: FaultyDirectory) -> None:
    assert directory_of(faulty).write_status("ann", WrittenStatus(True))
    assert faulty.requests == []
