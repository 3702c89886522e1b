"""How long browsers may keep the console's files."""

from __future__ import annotations

import re

import pytest

from tests.console.test_every_page import sign_in
from tests.harness import HTTP, World

pytestmark = pytest.mark.one_database


def caching(world: World, path: str) -> tuple[int, str]:
    answer = HTTP.get(world.connector.url + path, timeout=60)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status_code, answer.headers["Cache-Control"]


def test_the_files_of_a_page_are_kept_and_those_of_another_version_are_not(world: World) -> None:
    """During a rolling upgrade, the new page may ask the old process for its file, and must not keep the old one."""
    page = sign_in(world).get(f"{world.connector.url}/console/sessions", timeout=60).text
    files = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page)
    assert len(files) >= 4
    for file in files:
        assert caching(world, file) == (200, "public, max-age=31536000, immutable")
        assert caching(world, re.sub(r"v=\w+", "v=0123456789ab", file)) == (200, "no-store")
        assert caching(world, file.partition("?")[0]) == (200, "public, max-age=3600")


def test_a_missing_file_is_asked_for_again(world: World) -> None:
    for path in ("/console/static/next.js?v=0123456789ab", "/console/static/next.js", "/bootstrap/static/next.js?v=1"):
        assert caching(world, path) == (404, "no-store")
