"""Onfido's API: one typed method for each endpoint that is used.

    OnfidoTransport ──client(base_url, credentials)──► OnfidoClient     cheap: one per provider and use
                                                   ├─ applicants, runs, SDK tokens     here
                                                   ├─ Tasks           tasks.py
                                                   ├─ Files           evidence.py
                                                   ├─ Subscriptions   subscriptions.py
                                                   ├─ Monitors        monitors.py
                                                   └─ Customers       customers.py

Every method raises `OnfidoError`, also if a client's deadline leaves no time. Background calls yield to interactive
ones, and fail after a short wait for their turn. Only reads are repeated, so nothing is created twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.domain.ids import new_id
from connector.domain.providers.applicant import RemoteApplicant
from connector.domain.providers.credentials import Credentials
from connector.domain.studio.capture import LinkOptions, SdkOptions
from connector.domain.studio.workflow_run import DECIDED_STATUSES, ListedRun, RunSnapshot
from connector.errors import Code, OnfidoError
from connector.onfido.api import understand
from connector.onfido.budget import Ahead, account_of
from connector.onfido.customers import Customers
from connector.onfido.evidence import Files, FileStream
from connector.onfido.monitors import Monitors
from connector.onfido.payloads import (
    applicant_deletion,
    link_fields,
    listed_runs,
    newest_document_check,
    newest_environment,
    newest_run,
    present,
    remote_applicant,
    run_snapshot,
    untagged_runs,
    updated_applicant,
    with_document_check,
)
from connector.onfido.reading import as_object, required, text
from connector.onfido.subscriptions import RegisteredWebhook, Subscriptions
from connector.onfido.tasks import Tasks
from connector.onfido.transport import Transport

__all__ = ["FileStream", "OnfidoClient", "OnfidoTransport", "RegisteredWebhook"]

PING_ACCEPT = "text/plain, application/json;q=0.9"  # the answer is text if the region exists, otherwise JSON
NEWEST_APPLICANTS = "100"  # the number of the account's newest applicants that are searched
_UNBOUND = SdkOptions()


class OnfidoTransport(Transport):
    """The connections to Onfido, which the clients of all providers share."""

    def client(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        deadline: float | None = None,
        is_background: bool = False,
        calls: int = 1,
    ) -> OnfidoClient:
        """Create the client for a region and an account; `deadline` is a time of `time.monotonic()`.

        The first of its `calls` reserves all of them.
        """
        ahead = Ahead(calls) if calls > 1 else None
        return OnfidoClient(self, base_url, credentials, deadline=deadline, is_background=is_background, ahead=ahead)

    def held(self, base_url: str, account: str) -> float:
        """Return for how many seconds Onfido accepts no calls of an account; 0 if it accepts them."""
        held = self._budget.held(account_of(base_url, account)) if self._budget else None
        return max(0.0, held or 0.0)


class OnfidoClient(Tasks, Files, Subscriptions, Monitors, Customers):
    """Onfido's API for one account."""

    def create_applicant(self, fields: Mapping[str, Any]) -> RemoteApplicant:
        """Create an applicant and return its id and environment."""
        call = self._call("POST", "applicants", fields=fields)
        return self._read(remote_applicant, call, refused_as=Code.APPLICANT_REFUSED)

    def update_applicant(self, applicant_id: str, fields: Mapping[str, Any]) -> RemoteApplicant:
        """Change the given fields; an error with status 404 or 410 means that the applicant is gone."""
        call = self._call("PUT", "applicants", applicant_id, fields=fields)
        answer = self._send(call, refused_as=Code.APPLICANT_REFUSED)
        return updated_applicant(answer.body, applicant_id)

    def delete_applicant(self, applicant_id: str) -> None:
        """Delete an applicant with all documents; an error with status 404 or 410 means that it is gone."""
        self._send(self._call("DELETE", "applicants", applicant_id))

    def find_deletion(self, applicant_id: str) -> datetime | None:
        """Return when an applicant will be deleted, if it is among the newest; it can no longer be read directly."""
        call = self._call("GET", "applicants", params={"include_deleted": "true", "per_page": NEWEST_APPLICANTS})
        return self._read(lambda body: applicant_deletion(body, applicant_id), call)

    def restore_applicant(self, applicant_id: str) -> None:
        """Keep an applicant whose deletion is scheduled; an error with status 404 or 410 means that it is too late."""
        call = self._call("POST", "applicants", applicant_id, "restore")
        self._send(call, refused_as=Code.APPLICANT_REFUSED)

    def create_run(
        self,
        *,
        workflow_id: str,
        applicant_id: str,
        tags: Sequence[str] = (),
        customer_user_id: str | None = None,
        custom_data: Mapping[str, Any] | None = None,
        link: LinkOptions | None = None,
    ) -> RunSnapshot:
        """Start a workflow run. If the start is not answered, the run can be found by its tag."""
        fields = present(
            workflow_id=workflow_id,
            applicant_id=applicant_id,
            tags=list(tags),
            customer_user_id=customer_user_id,
            custom_data=custom_data,
            link=link_fields(link),
        )
        call = self._call("POST", "workflow_runs", fields=fields)
        return self._read(run_snapshot, call, refused_as=Code.WORKFLOW_REFUSED)

    def probe_workflow(self, workflow_id: str) -> None:
        """Check, at no cost, whether Onfido accepts the workflow; raises `OnfidoError` (`WORKFLOW_REFUSED`) if not.

        Onfido's API cannot read a workflow. So a run is requested with an applicant that cannot exist: no run can
        be created, and the error shows which field is refused. An error about the applicant alone means that the
        workflow is accepted, or was not checked; an error about missing workflow input counts as one about the
        workflow.
        """
        try:
            self.create_run(workflow_id=workflow_id, applicant_id=new_id())
        except OnfidoError as error:
            if error.code is not Code.APPLICANT_REFUSED:
                raise

    def get_run(self, run_id: str) -> RunSnapshot:
        """Read a run; its comparisons are those of the workflow's output."""
        return self._read(run_snapshot, self._call("GET", "workflow_runs", run_id))

    def has_lost_run(self, run_id: str) -> bool:
        """Whether Onfido accepts the credentials but does not know the run: it was deleted, or belongs to another
        account.
        """
        try:
            self.get_run(run_id)
        except OnfidoError as error:
            if not error.is_gone:
                raise
            self.check_login()  # with a wrong base URL the run would not be found, either
            return True
        return False

    def check_login(self) -> None:
        """Check that Onfido accepts the credentials."""
        self._send(self._call("GET", "workflow_runs", params={"page": "1"}))

    def find_environment(self) -> str | None:
        """Return the environment of the credentials, if it can be determined from an applicant."""
        call = self._call("GET", "applicants", params={"per_page": "1"})
        return self._read(newest_environment, call)

    def find_run(self, *, tag: str) -> RunSnapshot | None:
        """Return the newest run that has the tag."""
        call = self._call("GET", "workflow_runs", params={"tags": tag})
        return self._read(lambda body: newest_run(body, tag=tag), call)

    def find_untagged_runs(self, applicant_id: str, age: timedelta) -> list[RunSnapshot]:
        """Find the applicant's runs, no older than `age`, for which the list shows no tags; the newest first.

        Their age is measured by Onfido's clock.
        """
        day_before = (datetime.now(UTC) - age - timedelta(days=1)).date().isoformat()  # the list filters by day
        params = {"applicant_id": applicant_id, "created_at_gt": day_before}
        answer = self._send(self._call("GET", "workflow_runs", params=params))
        since = (answer.date or datetime.now(UTC)) - age
        return understand(answer, lambda body: untagged_runs(body, applicant_id=applicant_id, since=since))

    def list_runs(self, since: datetime, page: int) -> list[ListedRun]:
        """List the account's runs that were started since a time; a page after the last one is empty.

        The list filters by day, so it may contain earlier runs. Runs that ended first come last: a run that ends while
        the pages are read moves to the front, so runs may be listed twice, but none is missed.
        """
        day_before = (since.astimezone(UTC) - timedelta(days=1)).date().isoformat()
        params = {"created_at_gt": day_before, "sort": "desc", "page": str(page)}
        return self._read(listed_runs, self._call("GET", "workflow_runs", params=params))

    def fetch_result(self, run_id: str, *, wants_document: bool = False) -> RunSnapshot:
        """Read a run with all comparisons: if its output compares no document, its document check is read as well.

        The same applies if the document's values are required and the output of a decided run has no document report.
        If the user could retry, there are several checks; the newest is used.
        """
        run = self.get_run(run_id)
        is_document_missing = wants_document and run.status in DECIDED_STATUSES and run.document is None
        return self.ask_document_check(run) if is_document_missing or not run.is_conclusive else run

    def ask_document_check(self, run: RunSnapshot) -> RunSnapshot:
        """Add the result of its newest document check to a run."""
        path = ("workflow_runs", run.run_id, "tasks")
        task_id = self._read(newest_document_check, self._call("GET", *path))
        output = self._read(_output, self._call("GET", *path, task_id)) if task_id else None
        return with_document_check(run, task_id, output)

    def create_sdk_token(self, applicant_id: str, options: SdkOptions = _UNBOUND) -> str:
        """Create a token for the SDK, which is valid for 90 minutes."""
        call = self._call("POST", "sdk_token", fields=present(applicant_id=applicant_id, **asdict(options)))
        return self._read(_token, call)

    def ping(self) -> None:
        """Check that the region is up and accepts the token, which Onfido's own ping does not check."""
        self._send(self._call("GET", "ping", accept=PING_ACCEPT))
        self.check_login()


def _token(body: object) -> str:
    return required(text(as_object(body).get("token")), "token")


def _output(body: object) -> object:
    return as_object(body).get("output")
