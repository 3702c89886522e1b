"""Users of a real SCIM server, and of servers with observed behaviour of other products."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.directory.credentials import Client, ClientCredentials, basic, bearer
from connector.directory.dialects import read_scim
from connector.directory.directories import Directories
from connector.directory.exchange import Exchange
from connector.directory.limits import Budget, Limits
from connector.directory.local import LocalDirectory
from connector.directory.paths import parse_scim
from connector.directory.scim import ScimDirectory
from connector.domain.tenancy import DirectoryChoice, Tenant
from connector.errors import Code, DirectoryError
from connector.http.client import HttpClient
from connector.shipped import directory_dialect
from connector.store.engine import Database
from connector.store.vault import Vault
from tests.directory.faulty import FaultyDirectory, Reply
from tests.identity.scim_server import CLIENT_ID, CLIENT_SECRET, CUSTOM, WSO2, ScimServer

GIVEN_NAME = "http://wso2.org/claims/givenname"
LAST_NAME = "http://wso2.org/claims/lastname"
BIRTH_DATE = "http://wso2.org/claims/dob"
EMAIL = "http://wso2.org/claims/emailaddress"
ANN = {
    "name": {"givenName": "Ann", "familyName": "Example"},
    "emails": [{"value": "ann@home.example"}, {"value": "ann@work.example", "primary": True}],
}


def directory_of(
    url: str, credentials: Any, look_up_by: str = "id", *, seconds: float = 10, dialect: str = "wso2"
) -> ScimDirectory:
    host = url.split("/")[2]
    exchange = Exchange(HttpClient(), url, credentials, Limits(host, seconds=seconds, places=4))
    return ScimDirectory(exchange, read_scim(directory_dialect(dialect)), parse_scim(look_up_by))


def client_of(scim: ScimServer, **changes: Any) -> ClientCredentials:
    client = Client(scim.token_url, CLIENT_ID, CLIENT_SECRET, **changes)
    return ClientCredentials(HttpClient(), client)


def test_a_user_is_read_by_id_with_all_kinds_of_attributes(scim: ScimServer) -> None:
    user_id = scim.add_user("ann", **ANN, **{CUSTOM: {"dateOfBirth": "1990-01-01"}, WSO2: {"country": "CH"}})
    values = directory_of(scim.url, client_of(scim)).values(user_id)
    assert values == {
        GIVEN_NAME: "Ann",
        LAST_NAME: "Example",
        EMAIL: "ann@work.example",
        BIRTH_DATE: "1990-01-01",
        "http://wso2.org/claims/country": "CH",
    }


@pytest.mark.parametrize("name", ["ann", 'an"n', "an\\n", 'x" or userName pr or userName eq "', "änn", "a b&c=d"])
def test_a_user_is_found_by_any_name(scim: ScimServer, name: str) -> None:
    scim.add_user("bob", name={"givenName": "Bob"})
    scim.add_user(name, **ANN)
    values = directory_of(scim.url, client_of(scim), "userName").values(name)
    assert values is not None
    assert values[GIVEN_NAME] == "Ann"


def test_a_user_is_found_by_another_attribute(scim: ScimServer) -> None:
    scim.add_user("ann", externalId="sub-of-ann", **ANN)
    scim.add_user("bob", externalId="sub-of-bob", name={"givenName": "Bob"})
    values = directory_of(scim.url, client_of(scim), "externalId").values("sub-of-ann")
    assert values is not None
    assert values[GIVEN_NAME] == "Ann"


def test_two_users_with_the_same_attribute_are_an_error(scim: ScimServer) -> None:
    for name in ("ann", "bob"):
        scim.add_user(name, externalId="same", **ANN)
    with pytest.raises(DirectoryError, match="more than one user has the externalId") as caught:
        directory_of(scim.url, client_of(scim), "externalId").values("same")
    assert caught.value.code is Code.DIRECTORY_REFUSED


@pytest.mark.parametrize("look_up_by", ["id", "userName", "externalId"])
def test_an_unknown_user_has_no_values(scim: ScimServer, look_up_by: str) -> None:
    scim.add_user("ann", **ANN)
    assert directory_of(scim.url, client_of(scim), look_up_by).values("nobody") is None


def test_one_token_serves_many_reads_and_threads(scim: ScimServer) -> None:
    user_id = scim.add_user("ann", **ANN)
    directory = directory_of(scim.url, client_of(scim, scope="internal_user_view", parameters={"audience": "scim"}))
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(directory.values(user_id))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in results if each]) == 4
    assert len(scim.granted) == 1
    pair = base64.b64encode(b"connector:secret+of+the+tests%3A+%2B%26%25").decode()
    assert scim.granted[0] == {
        "grant_type": ["client_credentials"],
        "scope": ["internal_user_view"],
        "audience": ["scim"],
        "authorization": [f"Basic {pair}"],
    }


def test_the_clients_secret_may_be_sent_in_the_body(scim: ScimServer) -> None:
    user_id = scim.add_user("ann", **ANN)
    assert directory_of(scim.url, client_of(scim, sends_secret_in_body=True)).values(user_id)
    assert scim.granted[0]["client_secret"] == [CLIENT_SECRET]
    assert scim.granted[0]["authorization"] == [""]


def test_a_token_that_the_server_refuses_is_renewed_once(scim: ScimServer) -> None:
    user_id = scim.add_user("ann", **ANN)
    directory = directory_of(scim.url, client_of(scim))
    assert directory.values(user_id)
    scim.tokens.clear()
    assert directory.values(user_id)
    assert len(scim.granted) == 2


@pytest.mark.parametrize(("life", "grants"), [(0, 2), ('"3600"', 1), ('"soon"', 1), (None, 1), ("1e999", 1)])
def test_a_token_is_renewed_before_it_expires(scim: ScimServer, life: object, grants: int) -> None:
    user_id = scim.add_user("ann", **ANN)
    scim.token_life = life
    directory = directory_of(scim.url, client_of(scim))
    assert directory.values(user_id)
    assert directory.values(user_id)
    assert len(scim.granted) == grants


def test_whole_users_are_read_if_the_server_refuses_to_select_attributes(scim: ScimServer, tmp_path: Path) -> None:
    """One real server answers 400 to `attributes=` with an extension's path."""
    user_id = scim.add_user("ann", **ANN)
    dialect = tmp_path / "mine.toml"
    dialect.write_text('[scim.claims]\ngiven_name = "name.givenName"\nbirthdate = "urn:nope:birthdate"\n')
    exchange = Exchange(HttpClient(), scim.url, client_of(scim), Limits("x", seconds=10, places=4))
    directory = ScimDirectory(exchange, read_scim(dialect), parse_scim("id"))
    assert directory.values(user_id) == {"given_name": "Ann"}
    assert directory.values(user_id) == {"given_name": "Ann"}
    reads = [line for line in scim.requests if line.startswith("GET")]
    assert ["attributes=" in line for line in reads] == [True, False, False]


# ── servers with observed and with worse behaviour ───────────────────────────────────────────────────────────────────


def user(user_id: str = "1", **attributes: Any) -> dict[str, Any]:
    return {"id": user_id, "userName": "ann", "name": {"givenName": "Ann"}, **attributes}


def listed(*users: Any, total: object = None) -> dict[str, Any]:
    return {"totalResults": len(users) if total is None else total, "Resources": list(users)}


GONE = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404"}


def test_values_of_another_user_are_never_returned_if_the_server_ignores_the_filter(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, listed(user("2", userName="bob", name={"givenName": "Bob"})))]
    with pytest.raises(DirectoryError, match="other users than those with the userName"):
        directory_of(faulty.url, bearer("t"), "userName").values("ann")


def test_a_user_name_is_found_among_all_users_if_the_server_ignores_the_filter(faulty: FaultyDirectory) -> None:
    bob = user("2", userName="bob", name={"givenName": "Bob"})
    faulty.replies = [Reply(200, listed(bob, user(), total=2))]
    assert directory_of(faulty.url, bearer("t"), "userName").values("ann") == {GIVEN_NAME: "Ann"}


@pytest.mark.parametrize(
    "answer",
    [
        listed(user(externalId="ann"), user("2", userName="bob", externalId="bob")),
        listed(user(externalId="ann"), total=40),
        listed(total=3),
        listed(user(externalId={"value": "ann"})),
        listed(user(externalId="ANN")),
    ],
)
def test_an_attribute_that_is_not_unique_must_be_answered_exactly(faulty: FaultyDirectory, answer: Any) -> None:
    faulty.replies = [Reply(200, answer)]
    with pytest.raises(DirectoryError, match="other users than those with the externalId"):
        directory_of(faulty.url, bearer("t"), "externalId").values("ann")


def test_an_answer_about_another_user_is_an_error(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, user("2"))]
    with pytest.raises(DirectoryError, match="another user than the requested one"):
        directory_of(faulty.url, bearer("t")).values("1")


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"<html>login</html>", b"[]", b"7", b"null", b'{"id": 7}', b'{"id": ""}', b"{" * 100_000, b"\xff\xfe"),
        *(b'{"Resources": {}, "totalResults": 1}', b'{"Resources": [7], "totalResults": 1}', b'{"Resources": []}'),
        *(b'{"Resources": [{"userName": "ann"}], "totalResults": 1}', b'{"totalResults": true}'),
    ],
)
@pytest.mark.parametrize("look_up_by", ["id", "userName"])
def test_an_answer_of_another_shape_is_an_error(faulty: FaultyDirectory, answer: bytes, look_up_by: str) -> None:
    faulty.replies = [Reply(200, answer)]
    with pytest.raises(DirectoryError) as caught:
        directory_of(faulty.url, bearer("t"), look_up_by).values("ann")
    assert caught.value.code is Code.DIRECTORY_REFUSED


@pytest.mark.parametrize("body", [b"", b"<html>no such page</html>", b"{}", b'{"schemas": "x"}'])
def test_a_404_that_is_not_the_servers_own_is_not_a_missing_user(faulty: FaultyDirectory, body: bytes) -> None:
    faulty.replies = [Reply(404, body)]
    with pytest.raises(DirectoryError, match="HTTP 404: correct its URL"):
        directory_of(faulty.url, bearer("t")).values("1")
    faulty.replies = [Reply(404, GONE)]
    assert directory_of(faulty.url, bearer("t")).values("1") is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(faulty: FaultyDirectory, status: int) -> None:
    faulty.replies = [Reply(status, b"", {"Location": f"{faulty.url}/elsewhere"})]
    with pytest.raises(DirectoryError, match="redirects are not followed") as caught:
        directory_of(faulty.url, bearer("secret")).values("1")
    assert caught.value.code is Code.DIRECTORY_REFUSED
    assert len(faulty.requests) == 1


@pytest.mark.parametrize(
    ("status", "retry_after", "waited"),
    [
        (429, "7", 7),
        (503, "0", 1),
        (503, "86400", 300),
        (500, "soon", 5),
        (503, "9" * 5000, 300),
        (429, "0" * 5000, 1),
        (503, "²", 5),
        (502, None, 5),
        (504, "-1", 5),
        (408, None, 5),
    ],
)
def test_an_outage_has_a_retry_time(faulty: FaultyDirectory, status: int, retry_after: str | None, waited: int) -> None:
    faulty.replies = [Reply(status, b"", {"Retry-After": retry_after} if retry_after else {})]
    with pytest.raises(DirectoryError) as caught:
        directory_of(faulty.url, bearer("t")).values("1")
    assert (caught.value.code, caught.value.retry_after) == (Code.DIRECTORY_UNREACHABLE, waited)
    assert caught.value.is_retryable


@pytest.mark.parametrize(("status", "advice"), [(401, "credentials"), (403, "permission"), (409, "its log")])
def test_a_refusal_has_advice(faulty: FaultyDirectory, status: int, advice: str) -> None:
    faulty.replies = [Reply(status, {"detail": "secret value of ann"})]
    with pytest.raises(DirectoryError, match=advice) as caught:
        directory_of(faulty.url, basic("me", "pass")).values("1")
    assert caught.value.code is Code.DIRECTORY_REFUSED
    assert "secret value" not in str(caught.value)


def test_only_the_scim_error_type_of_a_refusal_is_repeated(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(400, {"scimType": "invalidFilter", "detail": "ann"})]
    with pytest.raises(DirectoryError, match="HTTP 400: it says invalidFilter"):
        directory_of(faulty.url, bearer("t"), "userName").values("ann")


@pytest.mark.parametrize("kind", ["Ann", "secret", "invalidfilter", ["invalidFilter"], {"Ann": 1}, 7, None])
def test_an_unknown_error_type_of_a_refusal_is_not_repeated(faulty: FaultyDirectory, kind: Any) -> None:
    faulty.replies = [Reply(400, {"scimType": kind, "detail": "Ann"})]
    with pytest.raises(DirectoryError, match="see its log for the reason") as caught:
        directory_of(faulty.url, bearer("t")).values("1")
    assert "Ann" not in str(caught.value)


def test_an_endless_body_is_cut_off(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, b"x" * (1024 * 1024 + 1))]
    with pytest.raises(DirectoryError, match="longer than 1048576 bytes"):
        directory_of(faulty.url, bearer("t")).values("1")


def test_a_slow_answer_occupies_a_thread_only_within_the_budget(faulty: FaultyDirectory) -> None:
    faulty.replies = [Reply(200, b"{" + b" " * 1000, drips=True)]
    with pytest.raises(DirectoryError, match="no answer in time") as caught:
        directory_of(faulty.url, bearer("t"), seconds=0.3).values("1")
    assert caught.value.code is Code.DIRECTORY_UNREACHABLE


def test_an_unreachable_directory_is_not_called_for_a_while(faulty: FaultyDirectory) -> None:
    now = [0.0]
    limits = Limits("idp", seconds=5, places=4, monotonic=lambda: now[0])
    exchange = Exchange(HttpClient(), faulty.url, bearer("t"), limits)
    directory = ScimDirectory(exchange, read_scim(directory_dialect("wso2")), parse_scim("id"))
    faulty.replies = [Reply(503, b"")]
    for _ in range(5):
        with pytest.raises(DirectoryError):
            directory.values("1")
    assert len(faulty.requests) == 3
    now[0] += 2.5
    with pytest.raises(DirectoryError):  # the probe
        directory.values("1")
    assert len(faulty.requests) == 4
    now[0] += 2.5  # the pause has doubled
    with pytest.raises(DirectoryError, match="failed a moment ago"):
        directory.values("1")
    now[0] += 2.0
    faulty.replies = [Reply(200, user())]
    assert directory.values("1")
    assert directory.values("1")


def test_the_number_of_threads_waiting_for_a_directory_is_limited() -> None:
    limits = Limits("idp", seconds=5, places=1)
    with limits.admitted(), pytest.raises(DirectoryError, match="too many requests wait") as caught, limits.admitted():
        pass
    assert caught.value.retry_after == 1


def test_the_number_of_threads_waiting_for_all_directories_is_limited() -> None:
    shared = threading.BoundedSemaphore(2)
    one, two, three = (Limits(name, seconds=5, places=2, shared=shared) for name in ("one", "two", "three"))
    with one.admitted(), two.admitted():
        for _ in range(3):
            with pytest.raises(DirectoryError, match=r"at three .* too many requests wait"), three.admitted():
                pass
    with three.admitted(), three.admitted(), pytest.raises(DirectoryError, match="too many"), three.admitted():
        pass
    with one.admitted(), one.admitted():
        pass


def test_an_unresponsive_directory_leaves_threads_to_tenants_without_one(
    faulty: FaultyDirectory, tmp_path: Path
) -> None:
    """Of two threads, one may wait for any directories."""
    one, other = (Tenant(name, DirectoryChoice("scim", faulty.url, "scim", "id", timeout=60)) for name in ("a", "b"))
    refusals = []
    with closing(Database(f"sqlite:///{tmp_path / 'unused.db'}")) as database:
        directories = Directories(LocalDirectory(database, Vault([b"k" * 32])), threads=2)

        def ask_another() -> None:
            with pytest.raises(DirectoryError, match="too many requests wait"):
                directories.values(other, "1")
            refusals.append(other)

        faulty.meanwhile, faulty.replies = ask_another, [Reply(200, user())]
        assert directories.values(one, "1") is not None
        assert refusals == [other]
        assert directories.values(other, "1") is not None


@pytest.mark.parametrize("user_id", [".", ".."])
def test_an_id_with_path_traversal_is_unknown(faulty: FaultyDirectory, user_id: str) -> None:
    assert directory_of(faulty.url, bearer("t")).values(user_id) is None
    assert not faulty.requests
    faulty.replies = [Reply(200, {"totalResults": 1, "Resources": [user(user_id) | {"userName": "ann"}]})]
    with pytest.raises(DirectoryError, match="a SCIM user with an id"):
        directory_of(faulty.url, bearer("t"), "userName").values("ann")


def test_a_refused_token_is_discarded_while_another_thread_waits_for_its_own(faulty: FaultyDirectory) -> None:
    credentials = ClientCredentials(HttpClient(), Client(faulty.url, "me", "secret"))
    forgotten: list[bool] = []
    faulty.meanwhile = lambda: forgotten.append(credentials.renews("Bearer old"))
    faulty.replies = [Reply(200, {"access_token": "new"})]
    assert credentials.header(Budget("idp", 60)) == "Bearer new"
    assert forgotten == [True]


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (lambda: Reply(200, {"access_token": "a b"}), Code.DIRECTORY_REFUSED, "no access token that can be sent"),
        (lambda: Reply(200, {"access_token": "a\n"}), Code.DIRECTORY_REFUSED, "no access token that can be sent"),
        (lambda: Reply(200, {"access_token": 7}), Code.DIRECTORY_REFUSED, "no access token that can be sent"),
        (lambda: Reply(200, {"access_token": "t", "token_type": "DPoP"}), Code.DIRECTORY_REFUSED, "no access token"),
        (lambda: Reply(200, b"oops"), Code.DIRECTORY_REFUSED, "must answer a JSON object"),
        (lambda: Reply(401, {"error": "invalid_client"}), Code.DIRECTORY_REFUSED, "correct client_id, client_secret"),
        (lambda: Reply(302, b"", {"Location": "/"}), Code.DIRECTORY_REFUSED, "redirects are not followed"),
        (lambda: Reply(429, b"", {"Retry-After": "9"}), Code.DIRECTORY_UNREACHABLE, "HTTP 429"),
        (lambda: Reply(200, b"x" * 70_000), Code.DIRECTORY_UNREACHABLE, "longer than"),
    ],
)
def test_no_user_is_requested_without_an_access_token(
    faulty: FaultyDirectory, reply: Callable[[], Reply], code: Code, words: str
) -> None:
    faulty.replies = [reply()]
    credentials = ClientCredentials(HttpClient(), Client(faulty.url, "me", "secret of mine"))
    with pytest.raises(DirectoryError, match=words) as caught:
        directory_of("http://127.0.0.1:9/never", credentials).values("1")
    assert caught.value.code is code
    assert "secret of mine" not in str(caught.value)
    assert "secret of mine" not in repr(vars(credentials))
