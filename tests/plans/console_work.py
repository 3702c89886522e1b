"""Calls of the console's pages of verifications, users, jobs and the search box, and of their forms' targets."""

from __future__ import annotations

from sqlalchemy import delete, update

from connector.domain.deliveries import DeliveryFilter
from connector.domain.events import EventFilter
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import VerificationFilter
from connector.store.models import user_attributes, verifications
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console, turn_pages

RARE = "few"


PERIOD = "from=2026-01-01&to=2026-02-01"
# Each list of the console with each of its filters.
# Combinations without a match: each list then looks for the filters without which there is one.
NO_MATCH = (
    *(f"status=declined&tag={RARE}&environment=live&capture=link", "needsReview=true&decision=approved", "userId=ann"),
    "claim=http://wso2.org/claims/givenname&result=clear&capture=link",
)
LISTS = {
    "verifications": (
        *("", "status=review&status=declined", "userId=ann", f"tag={RARE}", "needsReview=true", "environment=live"),
        *(
            "decision=approved",
            "decision=awaited",
            "decision=none",
            "decision=none&status=review",
            "capture=link",
            "capture=sdk",
        ),
        *(PERIOD, "total=1", "claim=http://wso2.org/claims/givenname&result=clear"),
        *(f"{each}&from=2000-01-01&to=2000-01-02" for each in NO_MATCH),
    ),
    "users": ("", "prefix=a-"),
    "events": (
        *("", "state=parked", "state=applied", "state=noted", "state=refused", "kind=workflow_run", PERIOD),
        "run=none&state=parked",
    ),
    "deliveries": (
        *("", "state=dead", "state=ready", "kind=tell_change", PERIOD),
        "state=dead&kind=tell_change&from=2000-01-01&to=2000-01-02",
    ),
    "deliveries/endpoints": ("",),
    "deliveries/dead": ("",),
    "deliveries/kinds": ("",),
    "audit": (
        *("", "actor=admin", "subject=provider", "action=added", "object=Onfido", "user=ann", "outcome=refused"),
        *("channel=console", PERIOD, "actor=admin&subject=provider&channel=cli&from=2000-01-01&to=2000-01-02"),
    ),
    "jobs": ("",),
    "jobs/new/resend": ("",),
    "jobs/new/fetch-runs": ("",),
    "providers": ("",),
    "providers/new": ("",),
    "clients": ("",),
    "settings": ("",),
    "settings/connections": ("",),
    "search": ("q=a-", "q=nobody"),
    "sessions": ("",),
    "draft": ("",),
    "home": ("", "period=24h", "period=90d"),
}


def lists_of(world: World) -> list[str]:
    """Return the address of each list with each of its filters."""
    of_provider = [
        f"/console/{name}?provider={world.provider_id}" for name in ("verifications", "events", "deliveries")
    ]
    pages = [f"/console/{name}?{query}".rstrip("?") for name, queries in LISTS.items() for query in queries]
    return [*pages, *of_provider]


# Each page about one object, by the names of the ids in its address.
TABS = ("setup", "attributes", "workflow", "capture", "general", "notices", "limits", "secrets", "changes", "danger")
PAGES = (
    *(f"providers/{{provider}}/{tab}" for tab in (*TABS, "export", "import", "danger/disable", "danger/delete")),
    *(f"verifications/{{verification}}{part}" for part in ("", "/live", "/review", "/json")),
    *(f"users/{{user}}{part}" for part in ("", "/unlock", "/remove")),
    *("users/{busy}", "events/{event}", "deliveries/{delivery}", "jobs/{job}"),
    *(f"audit/changes?{what}" for what in ("object={provider}", "user={user}")),
    *(f"search?q={{{name}}}" for name in ("verification", "user", "event", "job")),
    *("verifications?userId={busy}", "home/needs"),
    *(
        f"{story}/news?since=2026-01-01T00:00:00%2B00:00"
        for story in ("verifications", "events", "deliveries", "audit")
    ),
)


def pages_of(world: World, busy: str) -> dict[str, str]:
    """Return the address of each page about one object, by its name; `busy` is a user with many verifications."""
    tenant, services = Tenant(world.tenant), world.connector.services
    every = VerificationFilter(statuses=("approved",), provider_id=world.provider_id)
    [verification] = [each.verification for each in services.lookup.page(tenant, every, limit=1, is_rising=True).rows]
    with services.database.write() as connection:  # the crowd's values and results, which no key opens
        users = [verification.user_id, busy]
        connection.execute(delete(user_attributes).where(user_attributes.c.user_id.in_(users)))
        connection.execute(update(verifications).where(verifications.c.user_id.in_(users)).values(result=None))
    ids = {
        "provider": world.provider_id,
        "verification": verification.verification_id,
        "user": verification.user_id,
        "busy": busy,
        "event": services.event_lookup.page(tenant, EventFilter(), limit=1).rows[0].event_id,
        "delivery": services.deliveries.page(tenant, DeliveryFilter(), limit=1).rows[0].delivery_id,
        "job": services.jobs.page(tenant, limit=1).rows[0].job_id,
    }
    return {f"/console/{page}": f"/console/{page.format(**ids)}" for page in PAGES}


def drive_console(world: World) -> None:
    """Open every page, and post every form."""
    console = Console(world, "admin", (*ALL_SCOPES, "internal_idv_claim_delete"))
    [verification] = world.verifications("bea")[:1]
    for path in lists_of(world):
        turn_pages(console, path)
    for news in ("verifications/news?status=review&", "events/news?state=applied&", "deliveries/news?", "audit/news?"):
        console.open(f"/console/{news}since=2026-01-01T00:00:00%2B00:00")
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
    console.post("/console/draft/discard")
    world.add_user("dan")
    console.open("/console/users/dan/remove")
    console.post("/console/users/dan/remove", typed="dan")


def drive_jobs(console: Console, world: World) -> None:
    """Request jobs of every kind, view them, and cancel one."""
    console.post("/console/verifications/csv", status="review", tag="few")
    for path, form in (
        ("/console/jobs/new/resend", {"which": "dead", "since": "2026-01-01T00:00"}),
        ("/console/jobs/new/resend", {"which": "dead", "since": "2026-01-01T00:00", "do": "resend"}),
        ("/console/jobs/new/fetch-runs", {"provider": world.provider_id, "since": "2026-01-01T00:00"}),
    ):
        console.open(path)
        console.post(path, **form)
    console.post("/console/users/ann/record")
    jobs = world.connector.services.jobs
    [latest, *_] = jobs.page(Tenant(world.tenant), limit=1).rows
    for part in ("", "/state", "/cancel"):
        console.open(f"/console/jobs/{latest.job_id}{part}")
    console.post(f"/console/jobs/{latest.job_id}/cancel")
    ready = next(each for each in jobs.page(Tenant(world.tenant), limit=50).rows if each.state == "done" and each.size)
    console.open(f"/console/jobs/{ready.job_id}/result")
