"""The OpenAPI document is created when it is first requested, once for all threads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask

from connector.app import create_app
from connector.settings import Settings

THREADS = 8


@pytest.fixture
def app(tmp_path: Path, new_database: Callable[[str], str]) -> Iterator[Flask]:
    made = create_app(Settings(data_dir=tmp_path, database_url=new_database("sqlite"), dev=True))
    yield made
    made.extensions["services"].close()


def described_paths(app: Flask) -> set[str]:
    """Return the paths that flask-smorest has described so far."""
    return set(app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()["paths"])


def test_a_process_describes_its_routes_with_the_first_request_for_the_document(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    assert described_paths(app) == set()
    document = json.loads(client.get("/openapi.json").text)
    assert set(document["paths"]) == described_paths(app)
    assert "/api/server/v1/idv-providers" in document["paths"]
    assert {tag["name"] for tag in document["tags"]} >= {"users", "verifications"}


def test_first_requests_at_the_same_time_receive_the_same_complete_document(app: Flask) -> None:
    barrier = Barrier(THREADS)

    def ask(_: int) -> str:
        barrier.wait()
        return app.test_client().get("/openapi.json").text

    with ThreadPoolExecutor(THREADS) as executor:
        documents = set(executor.map(ask, range(THREADS)))
    assert [set(json.loads(each)["paths"]) for each in documents] == [described_paths(app)]
