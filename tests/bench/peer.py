"""django-onfido's environment, database and events; it conflicts with Onfido's own client, which the tests use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from tests.bench.load import post
from tests.bench.processes import gunicorn
from tests.bench.seed import BODY_BYTES, WEBHOOK_TOKEN
from tests.bodies import sign

PACKAGES = ("django-onfido==2.2", "Django~=5.2", "psycopg[binary]~=3.3", "gunicorn~=27.0")
_HERE = Path(__file__).parent


@cache
def python() -> str:
    """Return the interpreter of its environment, which is created once and kept in the cache directory."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    environment = cache_home / "onfido-idvp-connector" / "django-onfido"
    interpreter = environment / "bin" / "python"
    if not (environment / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (environment / "complete").touch()
    return str(interpreter)


def fill(directory: Path, url: str, ids: Sequence[str]) -> None:
    """Create django-onfido's tables, and a check for each id."""
    listed = directory / "checks"
    listed.write_text("\n".join(ids))
    command = [python(), str(_HERE / "django_peer.py"), str(listed)]
    subprocess.run(command, env=os.environ | _environ(url), check=True, capture_output=True)


@contextmanager
def serve(directory: Path, url: str) -> Iterator[int]:
    """Run django-onfido under gunicorn; return its port."""
    environ = _environ(url) | {"PYTHONPATH": str(_HERE)}
    with gunicorn(directory, "django_peer:application", environ, python()) as port:
        yield port


def requests_for(ids: Sequence[str]) -> list[bytes]:
    """Return the signed requests that complete the checks; their bodies are as large as the connector's events."""
    return [post("/webhook/", content, sign(content, WEBHOOK_TOKEN)) for content in map(_event, ids)]


def _event(check_id: str) -> bytes:
    completed = {"id": check_id, "status": "complete", "completed_at_iso8601": "2026-01-02T03:04:05Z"}
    payload = {"resource_type": "check", "action": "check.completed", "object": completed}
    bare = json.dumps({"payload": payload, "padding": ""})
    return json.dumps({"payload": payload, "padding": "x" * (BODY_BYTES - len(bare))}).encode()


def _environ(url: str) -> dict[str, str]:
    parsed = make_url(url)
    host = str(parsed.host or parsed.query["host"])
    names = {"BENCH_NAME": str(parsed.database), "BENCH_USER": str(parsed.username), "BENCH_HOST": host}
    return names | ({"BENCH_PORT": str(parsed.port)} if parsed.port else {})
