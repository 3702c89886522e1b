"""npm's openid-client, a certified relying party, in a separate process."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.identity.servers import NODE


def has_openid_client() -> bool:
    """Whether openid-client is installed."""
    return shutil.which("node") is not None and (NODE / "node_modules" / "openid-client").is_dir()


class OpenIdClient:
    """A relying party that has discovered its provider; one request at a time."""

    def __init__(self, issuer: str, client_id: str, method: str, **proof: Any) -> None:
        pipe: Any = subprocess.PIPE
        command = ["node", str(NODE / "relying_party.mjs")]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._write({"issuer": issuer, "client_id": client_id, "method": method, **proof})

    def __enter__(self) -> OpenIdClient:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # waits for it, and closes its pipes
            try:
                self._process.communicate(timeout=60)  # closes its input, and so ends it
            finally:
                self._process.kill()

    def begin(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Push a request; return the `url` that the user's browser is sent to, or the `error`."""
        return self._ask({"do": "begin", "parameters": parameters})

    def finish(self, url: str) -> dict[str, Any]:
        """Read the URL that the browser came back with; return the token's `claims` and `userinfo`, or the `error`."""
        return self._ask({"do": "finish", "url": url})

    def _ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        self._write(command)
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(message)}\n")
        self._process.stdin.flush()
