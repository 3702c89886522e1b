"""Routes for operators: health, readiness, metrics and the documentation."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from structlog.testing import capture_logs

from connector.api.middleware.shares import LASTING
from connector.app import create_app
from connector.settings import Issuer, Settings
from tests import databases
from tests.contract.wire import (
    ALL_SCOPES,
    METRICS_TOKEN,
    OPERATIONS,
    PERSON,
    PROVIDERS,
    UNKNOWN_ID,
    USERS,
    assert_discreet,
    assert_error,
    new_user,
    on_sqlite,
)
from tests.harness import Clock, ConnectorServer, World


def ask(connector: ConnectorServer, path: str) -> requests.Response:
    return requests.get(connector.url + path, timeout=60)


@pytest.mark.parametrize("prefix", ["", "/t/carbon.super", "/t/acme.example"])
def test_the_connector_is_alive_and_ready(shared: World, prefix: str) -> None:
    for path in ("/healthz", "/readyz"):
        answer = ask(shared.connector, prefix + path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert set(answer.json()) == ({"status"} if path == "/healthz" else {"status", "warnings"})


def test_the_connector_is_alive_but_not_ready_with_an_unmigrated_database(connector: ConnectorServer) -> None:
    with databases.of_another_version(connector.services.database):
        assert_error(ask(connector, "/readyz"), 503, None, "migrate")
        assert ask(connector, "/healthz").status_code == 200
    assert ask(connector, "/readyz").status_code == 200


def test_the_connector_is_alive_but_not_ready_without_its_database(
    postgresql_server: str, postgresql_template: str, tmp_path: Path
) -> None:
    name = databases.new_name()
    url = databases.put_database(postgresql_server, name, postgresql_template)
    settings = Settings(data_dir=tmp_path, database_url=url, dev=True)
    with capture_logs(), ConnectorServer(settings, Clock()) as connector:
        assert ask(connector, "/readyz").status_code == 200

        databases.drop_database(postgresql_server, name)

        assert_error(ask(connector, "/readyz"), 503, None, "database")
        assert ask(connector, "/healthz").status_code == 200
        assert_error(connector.as_admin().get(f"{USERS}/nobody/idv/claims"), 503, "IDV-15001")

        databases.put_database(postgresql_server, name, postgresql_template)

        assert ask(connector, "/readyz").status_code == 200
    databases.drop_database(postgresql_server, name)


def scrape(shared: World, token: str = METRICS_TOKEN, path: str = "/metrics") -> requests.Response:
    """Ask for the metrics as a scraper does."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(shared.connector.url + path, headers=headers, timeout=60, allow_redirects=False)


@on_sqlite
@pytest.mark.parametrize("token", ["", "x", METRICS_TOKEN[:-1], METRICS_TOKEN + "x", METRICS_TOKEN.upper(), "é"])
def test_metrics_are_readable_only_by_the_scraper(shared: World, token: str) -> None:
    refused = scrape(shared, token)
    assert_error(refused, 401, "HTTP-401")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert_error(shared.connector.as_admin().get("/metrics"), 401, "HTTP-401")


@on_sqlite
@pytest.mark.parametrize(
    "path",
    [
        "//metrics",
        "/%2fmetrics",
        "/%2Fmetrics",
        "/t/acme/metrics",
        "/t/carbon.super/metrics/",
        "/t/acme//metrics",
        "/t/acme/%2fmetrics",
        "/t/acme%2fmetrics",
        "/metrics%2f",
        "/metrics//",
        "/metrics;x",
        "/METRICS",
        "/healthz/../metrics",
        "/healthz/%2e%2e/metrics",
        "/metrics%00",
        "/metrics%1f",
        "/metrics/x",
    ],
)
def test_metrics_have_one_path(shared: World, path: str) -> None:
    assert b"connector_request" not in raw_get(shared, path, "")
    if path != "//metrics":  # which the tests' own server takes for another path
        assert raw_get(shared, path, METRICS_TOKEN).startswith(b"HTTP/1.1 404")


@on_sqlite
@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/%6detrics", "/m%65trics/", "/metrics?x=1", "/metrics?"])
def test_every_spelling_of_the_metrics_path_needs_the_token(shared: World, path: str) -> None:
    assert raw_get(shared, path, "").startswith(b"HTTP/1.1 401")
    assert b"connector_request_seconds" in raw_get(shared, path, METRICS_TOKEN)


def raw_get(shared: World, path: str, token: str) -> bytes:
    """Request a path exactly as written; clients would normalize it."""
    address = urlsplit(shared.connector.url)
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=60) as client:
        client.sendall(f"{head}\r\n".encode())
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_metrics_count_requests_by_route_without_user_ids(shared: World) -> None:
    user_id, me = new_user(shared)
    run_id = shared.start(me)
    shared.connector.as_admin().get(f"{PROVIDERS}/{UNKNOWN_ID}")

    answer = scrape(shared)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    counted = re.findall(r"^connector_request_seconds_count\{(.*)\} ", answer.text, re.MULTILINE)
    assert any('route="/api/users/v1/me/idv/verify"' in labels and 'status="200"' in labels for labels in counted)
    assert any(f'route="{PROVIDERS}/<provider_id>"' in labels and 'status="404"' in labels for labels in counted)
    for value in (user_id, run_id, UNKNOWN_ID, shared.provider_id, *PERSON.values()):
        assert value not in answer.text
    assert_discreet(answer.text)


def test_unknown_paths_and_methods_do_not_multiply_the_metrics(shared: World) -> None:
    for path in ("/wp-login.php", "/t/tenant-of-nobody/nothing"):
        ask(shared.connector, path)
    requests.request("X-METHOD", shared.connector.url + "/healthz", timeout=60)

    metrics = scrape(shared).text

    assert [word for word in ("wp-login", "tenant-of-nobody", "X-METHOD") if word in metrics] == []


def test_the_documentation_is_served_with_its_assets(shared: World) -> None:
    page = ask(shared.connector, "/docs/")

    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) >= 4
    for source in sources:
        asset = requests.get(urljoin(page.url, source), timeout=60)
        assert urlsplit(asset.url).netloc == urlsplit(page.url).netloc
        assert asset.status_code == 200, source
    described_at = re.search(r'"url": "([^"]+)"', page.text)
    assert described_at
    assert requests.get(urljoin(page.url, described_at[1]), timeout=60).json()["openapi"].startswith("3.")


def test_documentation_refers_to_no_other_host(shared: World) -> None:
    page = ask(shared.connector, "/docs/")

    hosts = {urlsplit(url).netloc for url in re.findall(r"https?://[^\s\"'<>)]+", page.text)}

    assert hosts <= {urlsplit(shared.connector.url).netloc}
    assert '"validatorUrl": null' in page.text  # without it, Swagger UI asks validator.swagger.io


TOKEN = re.compile(r"eyJ[\w.-]+")


def test_the_front_page_links_to_the_documentation(shared: World) -> None:
    answer = ask(shared.connector, "/")
    assert (answer.status_code, urlsplit(answer.url).path) == (200, "/docs/")


def test_the_development_token_in_the_documentation_is_valid_for_every_operation(shared: World) -> None:
    user_id, _ = new_user(shared)
    [token] = TOKEN.findall(ask(shared.connector, f"/docs/?user={user_id}").text)
    headers = {"Authorization": f"Bearer {token}"}
    for path in (PROVIDERS, f"{USERS}/me/idv/claims", f"{USERS}/{user_id}/idv", "/api/server/v1/audit"):
        assert requests.get(shared.connector.url + path, headers=headers, timeout=60).status_code == 200, path


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "192.0.2.7:8080", "localhost.evil"]
)
@pytest.mark.one_database
def test_a_browser_that_uses_another_host_name_gets_no_development_token(shared: World, host: str) -> None:
    answer = requests.get(f"{shared.connector.url}/docs/", headers={"Host": host}, timeout=60)
    assert answer.status_code == 200
    assert TOKEN.findall(answer.text) == []


def test_the_documentation_contains_no_token_without_dev(tmp_path: Path) -> None:
    issuer = Issuer("https://idp.example.com", "connector")
    app = create_app(Settings(data_dir=tmp_path, issuers=(issuer,)))
    page = app.test_client().get("/docs/", base_url="http://127.0.0.1").get_data(as_text=True)
    app.extensions["services"].close()
    assert TOKEN.findall(page) == []
    assert "connector token" not in page


def test_the_documentation_is_found_without_the_final_slash(shared: World) -> None:
    answer = ask(shared.connector, "/docs")

    assert (answer.status_code, answer.history) == (200, [])
    with_slash = ask(shared.connector, "/docs/").text
    assert TOKEN.sub("", answer.text) == TOKEN.sub("", with_slash)


@pytest.mark.parametrize(
    ("path", "status"), [("/docs", 200), ("/docs/", 200), (f"/api/{PROVIDERS.removeprefix('/api')}", 404)]
)
@pytest.mark.one_database
def test_no_redirect_uses_the_host_header_of_the_request(shared: World, path: str, status: int) -> None:
    headers = {"Host": "elsewhere.example"}
    answer = requests.get(f"{shared.connector.url}{path}", headers=headers, allow_redirects=False, timeout=60)

    assert (answer.status_code, answer.headers.get("Location")) == (status, None)
    assert "elsewhere" not in answer.text


def test_readiness_warns_of_settings_unsuitable_for_production(shared: World, tmp_path: Path) -> None:
    dev, loopback = ask(shared.connector, "/readyz").json()["warnings"]
    assert dev.startswith("--dev: ")
    assert loopback.startswith("allow_http_loopback: ")
    issuer = Issuer("https://idp.example.com", "connector")
    with ConnectorServer(Settings(data_dir=tmp_path, issuers=(issuer,)), Clock()) as connector:
        assert ask(connector, "/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/docs/", "/docs", "/openapi.json", "/healthz", "/nowhere", PROVIDERS])
@pytest.mark.one_database
def test_no_answer_may_be_framed(shared: World, path: str) -> None:
    answer = ask(shared.connector, path)

    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_documentation_runs_only_its_own_scripts(shared: World) -> None:
    page = ask(shared.connector, "/docs/")
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", page.text) == []
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"].startswith("'self' http")
    assert page.headers["Cache-Control"] == "no-store"
    assert '<meta name="viewport"' in page.text


@pytest.mark.parametrize("path", ["/docs/", "/docs", "/openapi.json", "/readyz", "/nowhere", PROVIDERS])
@pytest.mark.one_database
def test_no_answer_repeats_the_host_name_of_the_request(shared: World, path: str) -> None:
    headers = {"Host": "elsewhere.example", "X-Forwarded-Host": "elsewhere.example"}
    answer = requests.get(shared.connector.url + path, headers=headers, allow_redirects=False, timeout=60)

    assert "elsewhere.example" not in answer.text + str(answer.headers)


@on_sqlite
def test_every_call_that_reaches_onfido_is_counted_as_a_slow_one(onfido: World) -> None:
    user_id, me = new_user(onfido)
    run_id = onfido.start(me)
    views, map_ = onfido.connector.app.view_functions, onfido.connector.app.url_map.bind("localhost")
    caller = onfido.connector.caller(user_id, ALL_SCOPES)
    applicant_id = onfido.verifications(user_id)[0].applicant_id or ""
    uncounted = []
    onfido.connector.rest()  # deliveries in the meantime belong to no call
    verify: dict[str, Any] = {"claims": list(me.claims()), "idVProviderId": onfido.provider_id}
    verify["properties"] = [{"key": "status", "value": "COMPLETED"}]
    for operation in OPERATIONS:
        other_id = applicant_id if "/applicants/" in operation.path else run_id
        path = operation.path_for(UNKNOWN_ID if operation.method == "DELETE" else onfido.provider_id, user_id, other_id)
        before = onfido.onfido_state()["requests"]
        caller.request(operation.method, path, json=verify if operation.path.endswith("verify") else {})
        endpoint, _ = map_.match(path, operation.method)
        if onfido.onfido_state()["requests"] != before and not hasattr(views[endpoint], LASTING):
            uncounted.append(str(operation))
    onfido.connector.deliver()
    assert uncounted == []
