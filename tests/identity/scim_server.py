"""`scim2-server` over HTTP on loopback: all of SCIM 2, configured with WSO2's extensions and one of our own.

It has a token endpoint, whose access tokens it accepts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.harness import HTTP
from tests.loopback import Standing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CUSTOM = "urn:scim:schemas:extension:custom:User"
WSO2 = "urn:scim:wso2:schema"
IDENTITY = "urn:ietf:params:scim:schemas:extension:identity:2.0:User"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CLIENT_ID, CLIENT_SECRET = "connector", "secret of the tests: +&%"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Log nothing."""


class ScimServer(Standing):
    """A SCIM server whose users are added over HTTP; `requests` has the method and path of each call to it."""

    def __init__(self) -> None:
        from tests.identity.scim_application import create  # noqa: PLC0415  takes seconds, and few tests need it

        self._scim, self._storage = create()
        server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Handler)
        super().__init__(server)
        self.root = f"http://127.0.0.1:{server.server_port}"
        self.url = f"{self.root}/v2"
        self.token_url = f"{self.root}/token"
        self.forget()

    def forget(self) -> None:
        """Remove the recorded calls, the valid tokens, and every fault."""
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.granted: list[dict[str, list[str]]] = []
        self.token_life: Any = 3600
        self.fault: tuple[str, str] | None = None  # (the beginning of a request's line, the status)
        self.answers_changes = threading.Event()  # until it is set, changes are made and not answered
        self.answers_changes.set()
        self.changed = threading.Event()  # a change was made

    def add_user(self, user_name: str, **attributes: Any) -> str:
        """Add a user over HTTP and return the id."""
        body = {"schemas": [USER, *(key for key in attributes if ":" in key)], "userName": user_name, **attributes}
        answer = HTTP.post(f"{self.url}/Users", json=body, headers=self._own(), timeout=60)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def user(self, user_id: str) -> Any:
        """Return a user's resource."""
        answer = HTTP.get(f"{self.url}/Users/{user_id}", headers=self._own(), timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def change(self, user_id: str, **attributes: Any) -> None:
        """Replace attributes of a user."""
        operations = [{"op": "replace", "value": attributes}]
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
        answer = HTTP.patch(f"{self.url}/Users/{user_id}", json=body, headers=self._own(), timeout=60)
        assert answer.status_code in (200, 204), answer.text

    def empty(self) -> None:
        """Remove all users, and the recorded calls."""
        for each in self._storage.resources:
            self.remove(str(each.id))
        self.forget()

    def remove(self, user_id: str) -> None:
        """Remove a user."""
        assert HTTP.delete(f"{self.url}/Users/{user_id}", headers=self._own(), timeout=60).status_code == 204

    def _own(self) -> dict[str, str]:
        return {"Authorization": "Bearer own"}

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if authorization == "Bearer own":
            return self._scim(environ, start)
        self.requests.append(line + (f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""))
        if self.fault and line.startswith(self.fault[0]):
            start(self.fault[1], [("Content-Length", "0")])
            return []
        if environ["PATH_INFO"] == "/token":
            return self._grant(environ, start)
        if authorization.removeprefix("Bearer ") not in self.tokens:
            start("401 Unauthorized", [("Content-Length", "0")])
            return []
        answer = self._scim(environ, start)
        if line.startswith("PATCH"):
            self.changed.set()
            self.answers_changes.wait(60)
        return answer

    def _grant(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        form = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        self.granted.append(form | {"authorization": [environ.get("HTTP_AUTHORIZATION", "")]})
        token = f"token-{len(self.granted)}"
        self.tokens.add(token)
        start("200 OK", [("Content-Type", "application/json")])
        life = "null" if self.token_life is None else str(self.token_life)
        return [f'{{"access_token": "{token}", "token_type": "Bearer", "expires_in": {life}}}'.encode()]
