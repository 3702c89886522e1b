"""An authorization server with introspection that can fail in every way; real servers are in tests/identity."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.loopback import Pausing, Quiet

CLIENT_ID, SECRET = "connector", "s3cret+/=:ä"
DISCOVERY = "/as/.well-known/openid-configuration"


class Asked(Pausing):
    """Answers about the tokens in `tokens`; `seen` counts the calls for each, `requests` keeps the requests."""

    def __init__(self) -> None:
        self.tokens: dict[str, Any] = {}
        self.seen: Counter[str] = Counter()
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []
        self.discoveries = 0
        self.status = 200
        self.body: bytes | None = None
        self.arrived = threading.Semaphore(0)
        super().__init__(self._handler())
        self.identifier = f"{self.origin}/as"

    def issue(self, token: str, **changes: Any) -> str:
        now = time.time()
        claims = {
            "active": True,
            "sub": "ann",
            "aud": "connector",
            "client_id": "shop",
            "scope": "internal_idvp_view",
            "token_type": "Bearer",
            "iat": now,
            "exp": now + 300.5,
        } | changes
        self.tokens[token] = {name: value for name, value in claims.items() if value is not ...}
        return token

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        asked = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802  the base class's name
                asked.discoveries += 1
                document = {"issuer": asked.identifier, "introspection_endpoint": f"{asked.origin}/introspect"}
                self._send(200 if self.path == DISCOVERY else 404, json.dumps(document).encode())

            def do_POST(self) -> None:  # noqa: N802  the base class's name
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                plain = {name: values[0] for name, values in form.items()}
                asked.requests.append((dict(self.headers), plain))
                asked.seen[plain["token"]] += 1
                asked.arrived.release()
                asked.answering.wait(60)
                answer = asked.tokens.get(plain["token"], {"active": False})
                self._send(asked.status, json.dumps(answer).encode() if asked.body is None else asked.body)

            def _send(self, status: int, body: bytes) -> None:
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    return  # the caller has given up

        return Handler
