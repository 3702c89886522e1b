"""Calls of the console's pages of verifications, users, jobs and the search box, and of what their forms post to."""

from __future__ import annotations

import re

import requests

from connector.domain.tenancy import Tenant
from tests.contract.wire import ALL_SCOPES
from tests.harness import World

RARE = "few"


class Console:
    """Somebody who is signed in, without a browser."""

    def __init__(self, world: World) -> None:
        self._base = world.connector.url
        self._http = requests.Session()
        self._http.trust_env = False
        sessions = world.connector.services.console_sessions
        secret = sessions.make_link(Tenant(world.tenant), "admin", [*ALL_SCOPES, "internal_idv_claim_delete"])
        self.open(f"/console/link/{secret}?next=/console/sessions")

    def open(self, path: str) -> str:
        return self._done(self._http.get(self._base + path, timeout=60))

    def find(self, text: str | None) -> None:
        """Use the search box, and follow it nowhere."""
        query = {"q": text or ""}
        self._done(self._http.get(f"{self._base}/console/search", params=query, timeout=60, allow_redirects=False))

    def post(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.open("/console/users"))
        assert token
        form = fields | {"csrf_token": token[1]}
        return self._done(self._http.post(self._base + path, data=form, timeout=60))

    @staticmethod
    def _done(answer: requests.Response) -> str:
        assert answer.status_code < 400, f"{answer.request.method} {answer.url}: {answer.text}"
        return answer.text


def drive_console(world: World) -> None:
    """Open every page, and post every form."""
    console = Console(world)
    [verification] = world.verifications("bea")[:1]
    for query in (
        *(
            "",
            "?status=review&status=declined",
            "?userId=ann",
            f"?tag={RARE}",
            "?needsReview=true",
            "?environment=live",
        ),
        *("?from=2026-01-01&to=2026-02-01", "?total=1", f"?provider={world.provider_id}"),
        "?claim=http://wso2.org/claims/givenname&result=clear",
    ):
        turn_pages(console, f"/console/verifications{query}")
    console.open("/console/verifications/news?since=2026-01-01T00:00:00%2B00:00&status=review")
    for query in ("", "?prefix=a-"):
        turn_pages(console, f"/console/users{query}")
    console.open("/console/users/ann")
    console.post("/console/users/ann/values")
    claims = world.connector.services.claims.all(Tenant(world.tenant), "ann")
    path = f"/console/users/ann/claims/{claims[0].claim_id}"
    console.open(path)
    console.post(path, verified="yes", reason="seen")
    console.open("/console/users/ann/unlock")
    console.post("/console/users/ann/unlock", reason="seen")
    for text in ("nobody", "a-", "bea", verification.verification_id, verification.run_id, verification.applicant_id):
        console.find(text)
    drive_jobs(console, world)
    world.add_user("dan")
    console.open("/console/users/dan/remove")
    console.post("/console/users/dan/remove", typed="dan")


def drive_jobs(console: Console, world: World) -> None:
    """Ask for jobs of every kind, look at them, and cancel one."""
    console.post("/console/verifications/csv", status="review", tag="few")
    for path, form in (
        ("/console/jobs/new/resend", {"which": "given_up", "since": "2026-01-01T00:00"}),
        ("/console/jobs/new/fetch-runs", {"provider": world.provider_id, "since": "2026-01-01T00:00"}),
    ):
        console.open(path)
        console.post(path, **form)
    console.post("/console/users/ann/record")
    turn_pages(console, "/console/jobs")
    jobs = world.connector.services.jobs
    [latest, *_] = jobs.page(Tenant(world.tenant), limit=1).rows
    for part in ("", "/state", "/cancel"):
        console.open(f"/console/jobs/{latest.job_id}{part}")
    console.post(f"/console/jobs/{latest.job_id}/cancel")
    ready = next(each for each in jobs.page(Tenant(world.tenant), limit=50).rows if each.state == "done" and each.size)
    console.open(f"/console/jobs/{ready.job_id}/result")


def turn_pages(console: Console, path: str) -> None:
    """Open the first two pages of a list."""
    following = re.search(r'href="([^"]+)" rel="next"', console.open(path))
    if following:
        console.open(following[1].replace("&amp;", "&"))
