"""A run whose answer cannot be understood holds its user up for a while, but not for good."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from tests.harness import World, config_properties, provider_body


class _Between(BaseHTTPRequestHandler):
    """Passes everything on to Onfido, but garbles what it says of single runs once told to."""

    protocol_version = "HTTP/1.1"
    onfido: str
    is_garbling = False

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name in ("Authorization", "Content-Type")}
        answer = requests.request(self.command, self.onfido + self.path, data=body, headers=headers, timeout=10)
        is_run = self.command == "GET" and self.path.startswith("/v3.6/workflow_runs/")
        content = b'{"output": {' if is_run and type(self).is_garbling else answer.content
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _pass_on  # noqa: N815  the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def between(world: World) -> Iterator[type[_Between]]:
    """Have the provider reach Onfido through something that may garble its answers."""
    handler = type("Between", (_Between,), {"onfido": world.simulator.url})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    base_url = f"http://127.0.0.1:{server.server_port}/v3.6"
    body = provider_body(world.simulator, configProperties=config_properties(world.simulator, base_url=base_url))
    assert world.connector.as_admin().put(f"/api/server/v1/idv-providers/{world.provider_id}", body).ok
    try:
        yield handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_run_that_stays_unreadable_makes_room_for_another(world: World) -> None:
    ann = world.add_user()
    with between(world) as onfido:
        first = world.start(ann)
        onfido.is_garbling = True
        refused = ann.verify(world.provider_id, "INITIATED")
        assert (refused.status_code, refused.json()["code"]) == (502, "OIDV-10006")

        world.clock.advance(8 * 86_400)

        assert world.start(ann) != first
    assert sorted(attempt.status for attempt in world.attempts("ann")) == ["awaiting_input", "error"]
