"""The check of the public URL: direct, through real proxies, and with other servers or none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap import create_services
from connector.domain.providers.readiness import Check
from connector.http.client import HttpClient
from connector.installation.public_url import check_public_url
from connector.services.self_check import PATH, PROOF_HEADER, SIGNATURE_HEADER, SelfCheck
from connector.settings import Settings
from connector.store.vault import Fingerprints
from tests import processes
from tests.harness import HTTP, ConnectorServer
from tests.loopback import Quiet, serving
from tests.ports import free_port
from tests.waiting import wait_for_answer

NONCE = "0af7651916cd43dd8448eb211c80319c"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/sbin")


@dataclass
class Served:
    """A connector under gunicorn, and the keys of its database."""

    port: int
    self_check: SelfCheck

    def check(self, url: str, *, is_served: bool = True) -> dict[str, Check]:
        checks = check_public_url(url, self.self_check, HttpClient(), is_served=is_served)
        return {each.name: each for each in checks}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data_dir, port = tmp_path_factory.mktemp("served") / "data", free_port()
    services = create_services(Settings(data_dir=data_dir))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
    command = [sys.executable, "-m", "connector", "serve", "--dev", "--port", str(port)]
    environ |= {"CONNECTOR_DATA_DIR": str(data_dir)}
    with (
        closing(services),
        (data_dir / "log").open("wb") as log,
        processes.running(command, env=environ, stderr=log, start_new_session=True) as process,
    ):
        wait_for_port(port, process)
        yield Served(port, services.self_check)
        process.terminate()
        process.wait(timeout=100)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    wait_for_answer(f"http://127.0.0.1:{port}/healthz", process, is_any_status=True)


with_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is a package of Debian's")
with_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is a package of Debian's")


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    with processes.running(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(tmp_path: Path, upstream: int, buffering: str) -> Iterator[str]:
    assert NGINX
    port, config = free_port(), tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; proxy_request_buffering {buffering}; proxy_http_version 1.1;\n"
        f"location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }} }}\n"
    )
    with running([NGINX, "-c", str(config), "-p", str(tmp_path)], port) as url:
        yield url


@contextmanager
def haproxy(tmp_path: Path, upstream: int, option: str) -> Iterator[str]:
    assert HAPROXY
    port, config = free_port(), tmp_path / "haproxy.cfg"
    config.write_text(
        "defaults\n mode http\n timeout connect 30s\n timeout client 60s\n timeout server 60s\n"
        f" timeout http-request 60s\nfrontend f\n bind 127.0.0.1:{port}\n {option}\n default_backend b\n"
        f"backend b\n server s 127.0.0.1:{upstream}\n"
    )
    with running([HAPROXY, "-f", str(config), "-db"], port) as url:
        yield url


@pytest.mark.timeout(300)
def test_a_direct_public_url_leads_to_the_connector_without_buffering(served: Served) -> None:
    checks = served.check(f"http://127.0.0.1:{served.port}")
    assert (checks["reach"].passed, checks["reach"].is_warning) == (True, False)
    assert "does not show whether Onfido" in checks["reach"].detail
    assert (checks["buffering"].passed, checks["buffering"].is_warning) == (True, True)
    assert "there is no proxy" in checks["buffering"].detail


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("proxy", "buffering", "is_warning"),
    [
        pytest.param(nginx, "on", False, marks=with_nginx),
        pytest.param(nginx, "off", True, marks=with_nginx),
        pytest.param(haproxy, "option http-buffer-request", False, marks=with_haproxy),
        pytest.param(haproxy, "", True, marks=with_haproxy),
    ],
)
def test_buffering_by_a_proxy_is_detected(
    served: Served, tmp_path: Path, proxy: Callable[..., Any], buffering: str, is_warning: bool
) -> None:
    with proxy(tmp_path, served.port, buffering) as url:
        checks = served.check(url)
    assert (checks["reach"].passed, checks["buffering"].passed) == (True, True)
    assert checks["buffering"].is_warning is is_warning


@pytest.mark.timeout(300)
@with_nginx
def test_a_proxy_without_a_connector_behind_it_is_reported(served: Served, tmp_path: Path) -> None:
    with nginx(tmp_path, free_port(), "on") as url:
        failed, early = served.check(url), served.check(url, is_served=False)
    assert (failed["reach"].passed, failed["buffering"].passed) == (False, None)
    assert "answered 502: the proxy does not reach `connector serve`" in failed["reach"].detail
    assert early["reach"].passed is None


def test_an_installation_with_another_database_is_distinguished(served: Served) -> None:
    other = Served(served.port, SelfCheck(Fingerprints(b"another key")))
    reach = other.check(f"http://127.0.0.1:{served.port}", is_served=False)["reach"]
    assert (reach.passed, "other keys" in reach.detail) == (False, True)


def no_sleep(_seconds: float) -> None:
    """Send without a pause: the server does not examine the request."""


@pytest.mark.parametrize(
    ("status", "words"),
    [(200, "Another server"), (404, "does not forward"), (413, "limit"), (302, "login"), (500, "login")],
)
def test_another_server_at_the_url_is_distinguished(status: int, words: str) -> None:
    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(status, b'{"arrival": 0}')

    with serving(Handler) as url:
        checks = list(
            check_public_url(url, SelfCheck(Fingerprints(b"k")), HttpClient(), is_served=True, sleep=no_sleep)
        )
    assert [each.passed for each in checks] == [False, None]
    assert words in checks[0].detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://idv.example", "https://no-such-host.invalid"])
def test_an_unanswered_public_url_fails_only_while_a_server_runs(url: str) -> None:
    for is_served, passed in ((True, False), (False, None)):
        [reach, buffering] = check_public_url(
            url, SelfCheck(Fingerprints(b"k")), HttpClient(), is_served=is_served, sleep=no_sleep
        )
        assert (reach.passed, buffering.passed) == (passed, None)
        assert not is_served or "Check `public_url`" in reach.detail


@pytest.mark.one_database
@pytest.mark.parametrize("prefix", ["", "/t/acme"])
def test_only_a_signed_challenge_is_answered(connector: ConnectorServer, prefix: str) -> None:
    ours, body = connector.services.self_check, json.dumps({"nonce": NONCE}).encode()
    answer = HTTP.post(connector.url + prefix + PATH, data=body, headers={SIGNATURE_HEADER: ours.sign(body)})
    assert (answer.status_code, answer.json()) == (200, {"arrival": None})  # this server does not measure it
    assert answer.headers[PROOF_HEADER] == ours.proof(NONCE) != ours.sign(body)

    for signature in ("", "0" * 64, ours.proof(NONCE), ours.sign(body + b" "), "ü"):
        headers = {SIGNATURE_HEADER: signature.encode()}
        refused = HTTP.post(connector.url + PATH, data=body, headers=headers)
        assert (refused.status_code, PROOF_HEADER in refused.headers) == (401, False)


@pytest.mark.one_database
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"nonce": 1}', b'{"nonce": "' + b"A" * 32 + b'"}'])
def test_a_signed_challenge_without_a_nonce_is_refused(connector: ConnectorServer, body: bytes) -> None:
    headers = {SIGNATURE_HEADER: connector.services.self_check.sign(body)}
    answer = HTTP.post(connector.url + PATH, data=body, headers=headers)
    assert (answer.status_code, PROOF_HEADER in answer.headers) == (400, False)


@pytest.mark.one_database
def test_other_methods_and_long_challenges_are_refused(connector: ConnectorServer) -> None:
    assert HTTP.get(connector.url + PATH).status_code == 405
    assert HTTP.post(connector.url + PATH, data=b"x" * 9000).status_code == 413


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"arrival": null}', b'{"arrival": "at once"}'])
def test_buffering_is_unknown_if_the_server_does_not_report_how_the_body_arrived(content: bytes) -> None:
    ours = SelfCheck(Fingerprints(b"k"))

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header(PROOF_HEADER, ours.answer(body, self.headers[SIGNATURE_HEADER]))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as url:
        [reach, buffering] = check_public_url(url, ours, HttpClient(), is_served=True, sleep=no_sleep)
    assert (reach.passed, buffering.passed) == (True, None)
