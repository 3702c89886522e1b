"""Users of a second real SCIM server, npm's SCIMMY: it ignores `If-Match`, and selects no attributes of extensions."""

from __future__ import annotations

from connector.directory.credentials import bearer
from connector.directory.dialects import read_scim
from connector.directory.exchange import Exchange
from connector.directory.limits import Limits
from connector.directory.paths import parse_scim
from connector.directory.scim import ScimDirectory
from connector.domain.people.written_status import WrittenStatus
from connector.http.client import HttpClient
from connector.shipped import directory_dialect
from tests.identity.scimmy_server import TOKEN, Scimmy

STATUS = WrittenStatus(True, ["birthdate", "given_name"], "2026-01-02T03:04:05Z", "Onfido", {})


def directory_of(scimmy: Scimmy, look_up_by: str = "id") -> ScimDirectory:
    exchange = Exchange(HttpClient(), scimmy.url, bearer(TOKEN), Limits("scimmy", seconds=60, places=4))
    return ScimDirectory(exchange, read_scim(directory_dialect("scim")), parse_scim(look_up_by))


def test_whole_users_are_read_after_a_refusal_to_select_attributes(scimmy: Scimmy) -> None:
    user_id = scimmy.add_user("ann", "Ann")
    scimmy.add_user("bob", "Bob")
    values = {"given_name": "Ann", "birthdate": "1990-01-01"}
    assert directory_of(scimmy).values(user_id) == values
    assert directory_of(scimmy, "userName").values("ann") == values
    assert directory_of(scimmy).values("nobody") is None
    assert directory_of(scimmy, "userName").values("nobody") is None


def test_the_status_is_written_and_removed(scimmy: Scimmy) -> None:
    user_id = scimmy.add_user("eve", "Eve")
    directory = directory_of(scimmy)
    assert directory.write_status(user_id, STATUS)
    assert scimmy.status(user_id) == {
        "verified": True,
        "verifiedClaims": ["birthdate", "given_name"],
        "verifiedAt": "2026-01-02T03:04:05Z",
        "verificationProvider": "Onfido",
    }
    assert directory.write_status(user_id, WrittenStatus(False, ["birthdate"]))
    assert scimmy.status(user_id) == {"verified": False, "verifiedClaims": ["birthdate"]}
    assert directory.write_status(user_id, WrittenStatus())
    assert scimmy.status(user_id) == {}
    assert directory.values(user_id) == {"given_name": "Eve", "birthdate": "1990-01-01"}
    assert not directory.write_status("nobody", STATUS)
