"""The proxies and certificates that the environment names for calls to Onfido."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoTransport
from connector.onfido.proxies import proxy_of
from tests.bodies import API_TOKEN
from tests.onfido.conftest import Reply, ScriptedOnfido, self_signed

RUN = {"id": "run-1", "status": "processing"}
PROXY = "http://proxy.example:3128"
SECRET = "Basic YW5uOnM6Y3JldA=="  # ann:s:cret


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def failure(transport: OnfidoTransport, base_url: str) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        transport.client(base_url, API_TOKEN).create_sdk_token("a")
    return caught.value


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ""),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"HTTPS_PROXY": "http://other.example", "https_proxy": PROXY}, PROXY),
        ({"all_proxy": PROXY}, PROXY),
        ({"ALL_PROXY": "http://other.example", "https_proxy": PROXY}, PROXY),
        ({"http_proxy": PROXY}, ""),
        ({"https_proxy": "", "all_proxy": PROXY}, PROXY),
        ({"https_proxy": "proxy.example:3128"}, PROXY),
    ],
)
def test_the_proxy_is_the_one_for_the_scheme(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(urlsplit("https://api.eu.onfido.com/v3.6/ping")) == expected


@pytest.mark.parametrize(
    ("exceptions", "url", "is_direct"),
    [
        ("*", "https://api.eu.onfido.com", True),
        ("api.eu.onfido.com", "https://api.eu.onfido.com", True),
        ("API.eu.Onfido.com", "https://api.eu.onfido.com", True),
        ("onfido.com", "https://api.eu.onfido.com", True),
        (".onfido.com", "https://api.eu.onfido.com", True),
        ("localhost, onfido.com", "https://api.eu.onfido.com", True),
        ("fido.com", "https://api.eu.onfido.com", False),
        ("api.eu.onfido.com:8443", "https://api.eu.onfido.com:8443", True),
        ("api.eu.onfido.com:8443", "https://api.eu.onfido.com", False),
        ("127.0.0.0/8", "https://127.0.0.1:8090", True),
        ("127.0.0.1/8", "https://127.0.0.1:8090", True),
        ("10.0.0.0/8", "https://127.0.0.1:8090", False),
        ("10.0.0.0/8", "https://api.eu.onfido.com", False),
        ("10.0.0.0/80", "https://10.0.0.1", False),
        ("", "https://api.eu.onfido.com", False),
        (",", "https://api.eu.onfido.com", False),
    ],
)
def test_some_hosts_need_no_proxy(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, url: str, *, is_direct: bool
) -> None:
    monkeypatch.setenv("https_proxy", PROXY)
    monkeypatch.setenv("no_proxy", exceptions)
    assert proxy_of(urlsplit(url)) == ("" if is_direct else PROXY)


@pytest.mark.parametrize(("credentials", "header"), [("", None), ("ann:s%3Acret@", SECRET)], ids=["none", "some"])
def test_a_proxy_of_the_environment_is_used_and_gets_its_credentials(
    onfido: ScriptedOnfido,
    transport: OnfidoTransport,
    monkeypatch: pytest.MonkeyPatch,
    credentials: str,
    header: str | None,
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{credentials}127.0.0.1:{onfido.server_port}")
    onfido.answers(Reply(200, RUN))
    transport.client("http://onfido.invalid/v3.6", API_TOKEN).get_run("run-1")
    [request] = onfido.received
    assert request.target == "http://onfido.invalid/v3.6/workflow_runs/run-1"
    assert {name.lower(): value for name, value in request.headers.items()}.get("proxy-authorization") == header


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "http://[", "http://127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used_is_reported_and_nothing_is_sent(
    onfido: ScriptedOnfido, transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    error = failure(transport, onfido.base_url)
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert "proxy" in error.description
    assert not onfido.received


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_of_the_environment_is_trusted(
    onfido: ScriptedOnfido, transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    certificate = self_signed(tmp_path / "own.pem")
    monkeypatch.setenv(name, str(certificate))
    onfido.speak_tls(certificate)
    onfido.answers(Reply(200, RUN))
    assert transport.client(onfido.base_url, API_TOKEN).get_run("run-1").run_id == "run-1"


def test_a_folder_of_the_environment_is_trusted_alone(
    onfido: ScriptedOnfido, transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    onfido.speak_tls(self_signed(tmp_path / "own.pem"))
    folder = tmp_path / "trusted"
    folder.mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    assert "not trusted" in failure(transport, onfido.base_url).description


def test_a_host_behind_a_proxy_that_is_gone_may_exist(
    transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    assert failure(transport, "http://onfido.invalid/v3.6").code is Code.ONFIDO_UNREACHABLE
