"""Starts that Onfido refuses are limited by user, separately from the user's attempts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select

from connector.store.models import refused_starts
from tests.bodies import config_properties, provider_body
from tests.contract.wire import PROVIDERS, assert_error
from tests.harness import Caller, World
from tests.values import GIVEN_NAME

MOST = 3  # attempts that the provider allows
WINDOW = 600  # seconds
REFUSED = {401: "OIDV-10038", 422: "OIDV-10043"}


class RefusingOnfido:
    """An Onfido that refuses to create applicants, and counts how often it was asked."""

    def __init__(self) -> None:
        self.status, self.asked = 422, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                error = {"type": "validation_error", "message": "No.", "fields": {"dob": ["can't be this"]}}
                content = json.dumps({"error": error}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v3.6"
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def onfido() -> Iterator[RefusingOnfido]:
    refusing = RefusingOnfido()
    yield refusing
    refusing.close()


@pytest.fixture
def ann(world: World, onfido: RefusingOnfido) -> Caller:
    configure(world, base_url=onfido.base_url)
    return world.add_user()


def configure(world: World, **changes: str) -> None:
    properties = config_properties(
        world.simulator, webhook_token=world.webhook_token, max_attempts=str(MOST), **changes
    )
    body = provider_body(world.simulator, configProperties=properties)
    answer = world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text


def counted(world: World) -> dict[str, int]:
    with world.connector.services.database.read() as connection:
        return {row.user_id: row.number for row in connection.execute(select(refused_starts))}


def use_up(world: World, caller: Caller, onfido: RefusingOnfido) -> None:
    for _ in range(MOST):
        assert_error(caller.verify(world.provider_id, "INITIATED"), 400, REFUSED[onfido.status])


@pytest.mark.parametrize("status", REFUSED)
def test_a_user_whom_onfido_always_refuses_is_delayed(
    world: World, ann: Caller, onfido: RefusingOnfido, status: int
) -> None:
    onfido.status = status
    use_up(world, ann, onfido)
    for _ in range(3):
        answer = ann.verify(world.provider_id, "INITIATED")
        assert_error(answer, 429, "OIDV-10044", "Onfido refused 3 starts")
        assert 0 < int(answer.headers["Retry-After"]) <= WINDOW
    assert onfido.asked == MOST, "nothing more was sent"
    world.clock.advance(WINDOW)
    assert_error(ann.verify(world.provider_id, "INITIATED"), 400, REFUSED[status])


def test_other_users_are_not_delayed(world: World, ann: Caller, onfido: RefusingOnfido) -> None:
    use_up(world, ann, onfido)
    assert_error(world.add_user("ben").verify(world.provider_id, "INITIATED"), 400, "OIDV-10043")
    assert counted(world) == {"ann": MOST, "ben": 1}


def test_a_change_of_the_provider_restores_all_attempts_of_every_user(
    world: World, ann: Caller, onfido: RefusingOnfido
) -> None:
    onfido.status = 401
    use_up(world, ann, onfido)
    configure(world)
    for _ in range(MOST):
        world.start(ann)
        run_id = world.verifications("ann")[0].run_id
        world.outcome(str(run_id), status="declined")
        world.wait_until(lambda: all(each.closed_at for each in world.verifications("ann")))
    assert_error(ann.verify(world.provider_id, "INITIATED"), 429, "OIDV-10044", "verifications were started")


def test_starts_refused_by_the_connector_do_not_count(world: World, onfido: RefusingOnfido, ann: Caller) -> None:
    nobody = world.add_user("nobody", {GIVEN_NAME: "Only"})
    for _ in range(MOST + 2):
        assert_error(nobody.verify(world.provider_id, "INITIATED"), 400, "OIDV-10002")
        assert_error(ann.verify(world.provider_id, "INITIATED", ["urn:not-mapped"]), 400, "OIDV-10037")
        assert_error(ann.verify(world.provider_id, "INITIATED", []), 400, "OIDV-10034")
    assert (onfido.asked, counted(world)) == (0, {})
    assert_error(ann.verify(world.provider_id, "INITIATED"), 400, "OIDV-10043")


def test_an_outage_of_onfido_does_not_count_as_a_refusal(world: World, onfido: RefusingOnfido, ann: Caller) -> None:
    for onfido.status in (500, 503, 429, 408):
        for _ in range(2):
            assert ann.verify(world.provider_id, "INITIATED").status_code == 503
    assert counted(world) == {}


def test_an_administrator_unlocks_a_refused_user(world: World, ann: Caller, onfido: RefusingOnfido) -> None:
    use_up(world, ann, onfido)
    admin = world.connector.as_admin()
    assert admin.post("/api/users/v1/ann/idv/unlock", {}).status_code == 200
    assert_error(ann.verify(world.provider_id, "INITIATED"), 400, "OIDV-10043")


def test_the_count_is_deleted_with_its_user_and_after_its_time(
    world: World, ann: Caller, onfido: RefusingOnfido
) -> None:
    use_up(world, ann, onfido)
    assert_error(world.add_user("ben").verify(world.provider_id, "INITIATED"), 400, "OIDV-10043")
    remover = world.connector.caller("admin", ["internal_idv_claim_delete"])
    assert remover.request("DELETE", "/api/users/v1/ann/idv").status_code == 204
    assert counted(world) == {"ben": 1}
    world.clock.advance(WINDOW + 60)
    world.sweep()
    assert counted(world) == {}
