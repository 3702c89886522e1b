"""The files in `deploy/` agree with the code: settings, versions, limits, times. Their syntax: `make deploy-check`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector import __version__
from connector.serving.connection import Times
from connector.settings import Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "chart"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
NGINX = (DEPLOY / "proxy" / "nginx.conf").read_text()
DEFAULTS = Settings()
FILES = [
    path
    for path in DEPLOY.rglob("*")
    if path.is_file() and path.suffix not in {".md", ".png", ".txt"} and path.name != "dashboard.json"
]

VARIABLE = re.compile(r"\bCONNECTOR_[A-Z_]+\b")
PIN = re.compile(r"^([\w.-]+==\S+)", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_environment_variable_in_use_is_a_setting(path: Path) -> None:
    known = {f"CONNECTOR_{each.name.upper()}" for each in fields(Settings)} | {"CONNECTOR_CONFIG"}
    assert set(VARIABLE.findall(path.read_text())) <= known


def test_image_chart_and_compose_file_are_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    images = {each["image"] for each in COMPOSE["services"].values() if "onfido" in each["image"]}
    assert chart["appVersion"] == __version__
    assert [image.rpartition(":")[2].strip("}") for image in images] == [__version__]


def test_the_image_is_built_from_the_files_that_dockerignore_allows() -> None:
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_deployed_versions_are_the_tested_versions() -> None:
    def pins(name: str) -> set[str]:
        return set(PIN.findall((DEPLOY / name).read_text()))

    assert pins("requirements.txt") | pins("requirements-build.txt") <= pins("requirements-dev.txt")
    tools = {"pytest", "mypy", "ruff", "hatchling"}
    assert {pin.partition("==")[0] for pin in pins("requirements.txt")} & tools == set()


def test_a_process_has_more_time_to_end_than_its_requests() -> None:
    units = [path.read_text() for path in (DEPLOY / "systemd").glob("*.service") if "migrate" not in path.name]
    stops = [int(re.findall(r"^TimeoutStopSec=(\d+)s$", unit, re.MULTILINE)[0]) for unit in units]
    ours = [service for service in COMPOSE["services"].values() if service.get("command") in (["serve"], ["worker"])]
    stops += [int(service["stop_grace_period"].rstrip("s")) for service in ours]
    assert len(stops) == 6
    assert min(stops) > DEFAULTS.graceful_timeout
    assert VALUES["gracefulTimeout"] == DEFAULTS.graceful_timeout
    assert DEFAULTS.graceful_timeout > DEFAULTS.interactive_budget


def test_the_proxies_accept_every_body_and_wait_for_every_answer() -> None:
    def size(text: str) -> int:
        return int(text.rstrip("m")) * (1024**2 if text.endswith("m") else 1)

    sizes = re.findall(r"client_max_body_size (\w+);", NGINX)
    sizes += [VALUES["ingress"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]]
    sizes += re.findall(r"max_request_bytes: (\d+)", (DEPLOY / "proxy" / "envoy.yaml").read_text())
    sizes += re.findall(r"maxRequestBodyBytes: (\d+)", (DEPLOY / "proxy" / "traefik.yaml").read_text())
    assert [size(each) for each in sizes] == [DEFAULTS.max_body_bytes] * 4
    [wait] = re.findall(r"proxy_read_timeout (\d+)s;", NGINX)
    assert int(wait) > DEFAULTS.interactive_budget + DEFAULTS.graceful_timeout


def test_chart_and_compose_file_start_the_existing_processes() -> None:
    services = {name: each for name, each in COMPOSE["services"].items() if name != "database"}
    commands = [each.get("command", [""])[0] for each in services.values()]
    assert sorted(filter(None, commands)) == ["migrate", "serve", "serve", "serve", "simulate", "worker", "worker"]


def test_the_settings_of_the_chart_have_their_defaults() -> None:
    values: dict[str, Any] = VALUES
    assert values["settings"] == ""
    assert values["web"]["threads"] == DEFAULTS.threads
    assert values["worker"]["threads"] == DEFAULTS.worker_threads


def test_the_build_dependencies_are_exactly_the_necessary_ones() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert declared["dependency-groups"]["build"] == declared["build-system"]["requires"]


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("nginx.conf", r"keepalive_timeout (\d+)s;"),
        ("haproxy.cfg", r"pool-purge-delay (\d+)s"),
        ("envoy.yaml", r"common_http_protocol_options: \{idle_timeout: (\d+)s\}"),
        ("traefik.yaml", r"idleConnTimeout: (\d+)s"),
    ],
)
def test_a_proxy_closes_its_idle_connections_before_the_connector_does(file: str, pattern: str) -> None:
    """Otherwise a request may be sent while the connection closes, and is answered 502."""
    [seconds] = re.findall(pattern, (DEPLOY / "proxy" / file).read_text())
    assert 2 * int(seconds) <= Times().keepalive
