"""All processes of a soak, and their start and end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from connector.access.development import mint_token
from connector.bootstrap import Services, create_services
from connector.domain.providers.provider import ProviderConfig
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.store.engine import Database
from tests.bench.processes import ROOT as CODE
from tests.bench.processes import started, wait_for
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.faults import postgresql
from tests.harness import ADMIN_SCOPES, Caller
from tests.identity.scim_server import CLIENT_ID, CLIENT_SECRET, CUSTOM, ScimServer
from tests.loopback import Quiet, serving
from tests.ports import free_port
from tests.soak import signals
from tests.soak.hosts import ROOT, Host
from tests.values import MAPPING, VALUES

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
DISTANCE = 1  # milliseconds to the database and back
REMOTE = "acme"  # the tenant whose users are in a SCIM server
TENANTS = (DEFAULT_TENANT, REMOTE)
LIFETIME = 7 * 86_400  # seconds of tokens
SETTINGS = {
    "allow_http_loopback": "true",
    "allowed_notice_hosts": "127.0.0.1",
    "graceful_timeout": "20",
    "log_format": "json",
    "onfido_rate_limit": "1000000",
    "signals": json.dumps(signals.SETTINGS),
    "sweep_interval": "10",
    "worker_threads": "2",
}


@dataclass
class Process:
    """`connector serve` or `connector worker` on one host, started as often as needed."""

    name: str
    host: Host
    arguments: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    ready_url: str
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and wait until it is ready; a worker has no address, and is not waited for."""
        command = [*self.host.command, sys.executable, "-m", "connector", *self.arguments]
        with self.log.open("ab") as output:
            self.running = subprocess.Popen(
                command, cwd=CODE, env=dict(self.environ), stdout=output, stderr=output, start_new_session=True
            )
        if self.ready_url:
            wait_for(self.ready_url, self.running, self.log)


@dataclass
class Site:
    """A site under soak."""

    url: str
    simulator: str
    data_dir: Path
    services: Services
    processes: list[Process]
    providers: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    streams: list[signals.Stream] = field(default_factory=list)
    scim: ScimServer | None = None

    def caller(self, user_id: str, tenant: str, scopes: Sequence[str] = ("internal_login",)) -> Caller:
        token = mint_token(self.data_dir, user_id, scopes, tenant, lifetime=LIFETIME)
        return Caller(self.url + _prefix(tenant), {"Authorization": f"Bearer {token}"})


def _prefix(tenant: str) -> str:
    return "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"


@contextmanager
def running(directory: Path, hosts: Sequence[Host]) -> Iterator[Site]:
    """Run a site on two hosts; `directory` keeps its files and logs."""
    data_dir = directory / "data"
    data_dir.mkdir(mode=0o700)
    with ExitStack() as stack:
        server = stack.enter_context(postgresql.running())
        _migrate(server.url)
        told: list[str] = []
        receiver = stack.enter_context(serving(_receiver(told)))
        scim = stack.enter_context(ScimServer())
        simulator = stack.enter_context(_simulator(directory))
        ports = [int(each.rpartition(":")[2]) for each in (receiver, scim.root, simulator)]
        pushed = stack.enter_context(signals.receiver(directory, hosts[-1]))
        stack.enter_context(_reachable(hosts, ports, pushed))
        urls = [stack.enter_context(_distant(host, server.url)) for host in hosts]
        webs = [free_port() for _ in hosts]
        url = stack.enter_context(_nginx(directory, hosts, webs))
        environs = [_environ(data_dir, database_url, url, scim) for database_url in urls]
        processes = list(_processes(directory, hosts, environs, webs))
        services = create_services(Settings(data_dir=data_dir, database_url=server.url, allow_http_loopback=True))
        stack.callback(services.close)
        site = Site(url, simulator, data_dir, services, processes, notices=told, scim=scim)
        _register(site)
        stack.callback(_end, processes)
        for each in processes:
            each.start()
        _register_notices(site, receiver)
        for tenant in TENANTS:
            caller = site.caller("receiver", tenant, signals.SCOPES)
            site.streams += signals.connect(tenant, caller, directory, pushed)
        yield site


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


def _processes(
    directory: Path, hosts: Sequence[Host], environs: Sequence[Mapping[str, str]], ports: Sequence[int]
) -> Iterator[Process]:
    for host, environ, port in zip(hosts, environs, ports, strict=True):
        ready = f"http://{host.address}:{port}/readyz"
        arguments = ["serve", "--dev", "--force-dev", "--host", host.address, "--port", str(port)]
        yield Process(f"web {host.name}", host, arguments, environ, directory / f"web-{host.name}.log", ready)
        yield Process(f"worker {host.name}", host, ["worker"], environ, directory / f"worker-{host.name}.log", "")


def _end(processes: Sequence[Process]) -> None:
    for each in processes:
        if each.running and each.running.poll() is None:
            each.running.terminate()
    for each in processes:
        if each.running:
            each.running.wait(timeout=120)


def _environ(data_dir: Path, database_url: str, url: str, scim: ScimServer) -> Mapping[str, str]:
    directory = {
        "kind": "scim",
        "url": scim.url,
        "dialect": "wso2",
        "look_up_by": "userName",
        "token_url": scim.token_url,
        "client_id": CLIENT_ID,
        "client_secret": "env:SCIM_SECRET",
        "writes_status": True,
    }
    tenants = [{"name": REMOTE, "directory": directory}]
    values = SETTINGS | {"data_dir": str(data_dir), "database_url": database_url, "public_url": url}
    ambient = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "COVERAGE_"))}
    ours = {f"CONNECTOR_{name.upper()}": value for name, value in values.items()}
    return ambient | ours | {"CONNECTOR_TENANTS": json.dumps(tenants), "SCIM_SECRET": CLIENT_SECRET, "NO_PROXY": "*"}


def _receiver(told: list[str]) -> type[Quiet]:
    class Receiver(Quiet):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append(body["data"]["verificationId"])
            self.answer(200, b"{}")

    return Receiver


@contextmanager
def _simulator(directory: Path) -> Iterator[str]:
    port, log = free_port(), directory / "simulator.log"
    command = [sys.executable, "-m", "connector", "simulate", "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=CODE, stdout=output, stderr=output)
    try:
        wait_for(f"http://127.0.0.1:{port}/simulator/state", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _reachable(hosts: Sequence[Host], ports: Sequence[int], on_last: int) -> Iterator[None]:
    """Forward ports of each host's loopback to services on this machine's loopback, and one to the last host."""
    with ExitStack() as stack:
        forward = [sys.executable, "-m", "tests.soak.forward"]
        if hosts[0].is_namespace:
            stack.enter_context(started([*forward, *(f"{ROOT}:{port}=127.0.0.1:{port}" for port in ports)]))
            for host in hosts:
                pairs = [f"127.0.0.1:{port}={ROOT}:{port}" for port in ports]
                pairs += [f"127.0.0.1:{on_last}={hosts[-1].address}:{on_last}"] * (host != hosts[-1])
                stack.enter_context(started([*host.command, *forward, *pairs]))
        yield


@contextmanager
def _distant(host: Host, url: str) -> Iterator[str]:
    """Return a URL that leads from a host to the database, which is `DISTANCE` away."""
    with started([*host.command, sys.executable, "-m", "tests.bench.delay", url, str(DISTANCE)]) as distant:
        yield distant


@contextmanager
def _nginx(directory: Path, hosts: Sequence[Host], ports: Sequence[int]) -> Iterator[str]:
    assert NGINX, "the soak needs nginx (Debian's package)"
    port, config = free_port(), directory / "nginx.conf"
    servers = "".join(
        f"server {host.address}:{each} max_fails=1 fail_timeout=2s; " for host, each in zip(hosts, ports, strict=True)
    )
    temporary = "".join(
        f"{name}_temp_path {directory}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log warn;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n"
        f"upstream connector {{ {servers} keepalive 32; keepalive_timeout 5s; }}\n"
        f"server {{ listen 127.0.0.1:{port}; client_max_body_size 1m; proxy_request_buffering on; proxy_buffering on;\n"
        "proxy_connect_timeout 2s; proxy_read_timeout 60s; proxy_next_upstream error timeout; proxy_http_version 1.1;\n"
        'proxy_set_header Connection ""; proxy_set_header Host $host;\n'
        "location / { proxy_pass http://connector; } } }\n"
    )
    process = subprocess.Popen([NGINX, "-c", str(config), "-p", str(directory)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _register(site: Site) -> None:
    """Register a provider with its webhook in each tenant."""
    for name in TENANTS:
        config = ProviderConfig("Onfido", True, MAPPING, WORKFLOW_ID, f"{site.simulator}/v3.6", api_token=API_TOKEN)
        provider = site.services.providers.add(Tenant(name), config)
        site.services.setup.add_webhook(Tenant(name), provider.provider_id, site.url)
        site.providers[name] = provider.provider_id


def _register_notices(site: Site, receiver: str) -> None:
    for tenant in TENANTS:
        admin = site.caller("admin", tenant, ADMIN_SCOPES)
        endpoint = {"url": f"{receiver}/", "events": ["verification.finished"]}
        answer = admin.post("/api/server/v1/notice-endpoints", endpoint)
        assert answer.status_code == 201, answer.text


def add_user(site: Site, user_id: str, tenant: str) -> None:
    """Add a user to the directory of a tenant."""
    if tenant == REMOTE:
        assert site.scim
        name = {"givenName": "Ann", "familyName": "Example"}
        site.scim.add_user(user_id, name=name, **{CUSTOM: {"dateOfBirth": "1990-01-01"}})
        return
    site.services.users.add(Tenant(tenant), user_id, VALUES)


def state_of(site: Site) -> Any:
    """Return the simulator's state."""
    return requests.get(f"{site.simulator}/simulator/state", timeout=120).json()
