"""The pages are a separate application, which answers only requests for pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, request

from connector.app import create_app
from connector.errors import ConfigurationError
from connector.pages import applications
from connector.settings import Settings
from connector.settings.issuers import Issuer

pytestmark = pytest.mark.one_database


def created(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["services"].close()


@pytest.fixture
def settings(tmp_path: Path, new_database: Callable[[str], str]) -> Settings:
    """Settings of a connector whose database is migrated already: each test creates one."""
    return Settings(data_dir=tmp_path, database_url=new_database("sqlite"), dev=True)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    yield from created(settings)


@pytest.fixture
def without_console(settings: Settings) -> Iterator[Flask]:
    yield from created(replace(settings, console_enabled=False))


@pytest.mark.parametrize("prefix", ["", "/t/acme"])
def test_every_application_answers_the_requests_for_its_routes(app: Flask, prefix: str) -> None:
    reached: list[tuple[Flask, str]] = []
    for each in applications(app):
        each.before_request(lambda each=each: reached.append((each, request.endpoint or "")))
    client = app.test_client()
    for each in applications(app):
        for rule in each.url_map.iter_rules():
            if prefix and rule.endpoint.partition(".")[0] in {"docs", "operations", "api-docs"}:
                continue  # they belong to no tenant
            path = prefix + re.sub(r"<[^>]+>", "x", rule.rule)
            method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
            client.open(path, method=method)
            application, endpoint = reached.pop()
            assert (application, endpoint) == (each, rule.endpoint), path


@pytest.mark.parametrize("path", ["/consoles", "/t/acme/consoles", "/docs/console", "/t/console", "/x/verify"])
def test_similar_paths_are_answered_by_the_api(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


def test_concurrent_first_requests_create_the_pages_once(app: Flask) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: id(applications(app)[1]), range(8)))
        answers = list(pool.map(lambda _: app.test_client().get("/console/sign-in").status_code, range(4)))
    assert len(set(found)) == 1
    assert answers == [200] * 4


def test_the_pages_do_not_exist_without_the_console(without_console: Flask) -> None:
    assert applications(without_console) == [without_console]
    paths = ("/console", "/verify", "/oauth2/authorize", "/.well-known/openid-configuration")
    assert [without_console.test_client().get(path).status_code for path in paths] == [404] * len(paths)


def test_the_secrets_of_the_console_are_read_at_startup(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    issuer = Issuer(
        issuer="https://issuer.example",
        audience="a",
        console_client_id="console",
        console_client_secret=f"file:{secret}",
    )
    settings = Settings(data_dir=tmp_path / "data", issuers=(issuer,))
    with pytest.raises(ConfigurationError, match="secret file"):
        create_app(settings)
    secret.write_text("secret")
    secret.chmod(0o600)
    for app in created(settings):
        secret.unlink()
        assert app.test_client().get("/console/sign-in").status_code == 302, "it leads to the only issuer"
