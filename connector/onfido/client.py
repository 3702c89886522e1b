"""Onfido's API: one typed method for each endpoint that is used.

    OnfidoTransport ──client(base_url, token)──► OnfidoClient     cheap: one per provider and use

Every method takes a `deadline` (a `time.monotonic()` value) that bounds all it does, and raises `ProviderError`. A
client for background work gives way to those that somebody waits for, and gives up after a short wait for its turn.
Nothing that is created is created twice: only reads are ever repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote

from connector.domain.runs import RunSnapshot
from connector.errors import Code, ProviderError
from connector.onfido.payloads import (
    as_object,
    comparisons,
    identifier,
    newest_document_check,
    newest_run,
    read_json,
    required,
    run_snapshot,
    text,
)
from connector.onfido.refusals import misunderstanding, refusal
from connector.onfido.transport import Answer, Call, TokenAuth, Transport

T = TypeVar("T")


@dataclass(frozen=True)
class RegisteredWebhook:
    """A webhook that Onfido created; `token` signs its events and is told only once."""

    webhook_id: str
    token: str = field(repr=False)


class OnfidoTransport(Transport):
    """The connections to Onfido, which the clients of all providers share."""

    def client(self, base_url: str, token: str, *, is_background: bool = False) -> OnfidoClient:
        """Make the client for a region and an API token."""
        return OnfidoClient(self, base_url, token, is_background=is_background)


class OnfidoClient:
    """Onfido as one API token sees it."""

    def __init__(self, transport: Transport, base_url: str, token: str, *, is_background: bool = False) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._auth = TokenAuth(token)
        self._is_background = is_background

    def create_applicant(self, fields: Mapping[str, Any], *, deadline: float | None = None) -> str:
        """Create an applicant and return the id."""
        call = self._call("POST", "applicants", fields=fields)
        return self._read(_applicant_id, call, deadline, refused_as=Code.APPLICANT_REFUSED)

    def update_applicant(self, applicant_id: str, fields: Mapping[str, Any], *, deadline: float | None = None) -> None:
        """Change the given fields; an error with status 404 or 410 means that the applicant is gone."""
        call = self._call("PUT", "applicants", applicant_id, fields=fields)
        self._send(call, deadline, refused_as=Code.APPLICANT_REFUSED)

    def delete_applicant(self, applicant_id: str, *, deadline: float | None = None) -> None:
        """Have an applicant deleted with all documents; an error with status 404 or 410 means that it is gone."""
        self._send(self._call("DELETE", "applicants", applicant_id), deadline)

    def create_run(
        self, *, workflow_id: str, applicant_id: str, tags: Sequence[str] = (), deadline: float | None = None
    ) -> RunSnapshot:
        """Start a workflow run. One that was started though no answer came is found by its tag."""
        fields = {"workflow_id": workflow_id, "applicant_id": applicant_id, "tags": list(tags)}
        call = self._call("POST", "workflow_runs", fields=fields)
        return self._read(run_snapshot, call, deadline, refused_as=Code.WORKFLOW_REFUSED)

    def get_run(self, run_id: str, *, deadline: float | None = None) -> RunSnapshot:
        """Read a run; its comparisons are those of the workflow's output."""
        return self._read(run_snapshot, self._call("GET", "workflow_runs", run_id), deadline)

    def find_run(
        self, *, tag: str, applicant_id: str | None = None, deadline: float | None = None
    ) -> RunSnapshot | None:
        """Find the newest run that bears the tag."""
        params = {"tags": tag} | ({"applicant_id": applicant_id} if applicant_id else {})
        call = self._call("GET", "workflow_runs", params=params)
        return self._read(lambda body: newest_run(body, tag=tag), call, deadline)

    def fetch_result(self, run_id: str, *, deadline: float | None = None) -> RunSnapshot:
        """Read a run such that it is conclusive: where its output compares nothing, its document check is asked.

        Where the user was let try again there are several checks; the newest is the one that the run ended with.
        """
        run = self.get_run(run_id, deadline=deadline)
        if run.is_conclusive:
            return run
        path = ("workflow_runs", run_id, "tasks")
        task_id = self._read(newest_document_check, self._call("GET", *path), deadline)
        output = self._read(_output, self._call("GET", *path, task_id), deadline) if task_id else None
        return replace(run, comparisons=comparisons(output) or {})

    def create_sdk_token(self, applicant_id: str, *, deadline: float | None = None) -> str:
        """Create a token for the SDK, which lives 90 minutes."""
        call = self._call("POST", "sdk_token", fields={"applicant_id": applicant_id})
        return self._read(_token, call, deadline)

    def create_webhook(
        self, *, url: str, events: Sequence[str], name: str, deadline: float | None = None
    ) -> RegisteredWebhook:
        """Subscribe a URL to events of the whole Onfido account."""
        call = self._call(
            "POST", "webhooks", fields={"url": url, "name": name, "enabled": True, "events": list(events)}
        )
        return self._read(_registered_webhook, call, deadline)

    def ping(self, *, deadline: float | None = None) -> None:
        """Check that the region is up and takes the token, which Onfido's own ping does not look at."""
        self._send(self._call("GET", "ping"), deadline)
        self._send(self._call("GET", "workflow_runs", params={"page": "1"}), deadline)

    def _call(
        self,
        method: str,
        *path: str,
        params: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> Call:
        if not all(segment.strip(".") for segment in path):
            # A URL would climb up by it, however it is quoted.
            raise ProviderError(Code.INITIATION_FAILED, "An id of Onfido's is empty or malformed.", is_sent=False)
        url = "/".join((self._base_url, *(quote(segment, safe="") for segment in path)))
        return Call(method, url, self._auth, params, fields, self._is_background)

    def _read(
        self,
        reader: Callable[[object], T],
        call: Call,
        deadline: float | None,
        *,
        refused_as: Code | None = None,
    ) -> T:
        answer = self._send(call, deadline, refused_as=refused_as)
        try:
            return reader(read_json(answer.body))
        except ValueError as error:
            raise misunderstanding(answer, str(error)) from error

    def _send(self, call: Call, deadline: float | None, *, refused_as: Code | None = None) -> Answer:
        answer = self._transport.send(call, deadline)
        if not answer.is_success:
            raise refusal(answer, call, refused_as)
        return answer


def _applicant_id(body: object) -> str:
    return required(identifier(as_object(body).get("id")), "id")


def _token(body: object) -> str:
    return required(text(as_object(body).get("token")), "token")


def _registered_webhook(body: object) -> RegisteredWebhook:
    return RegisteredWebhook(_applicant_id(body), _token(body))


def _output(body: object) -> object:
    return as_object(body).get("output")
