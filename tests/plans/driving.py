"""Calls of every route, every list of the command line and every delivery, each of which succeeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import requests
from click.testing import CliRunner
from sqlalchemy import delete, select

from connector.cli import main
from connector.domain.access_tokens import OwnToken
from connector.domain.studio.watchlist import STANDARD, MonitorTarget
from connector.domain.tenancy import Tenant
from connector.services.announcements.monitor_announcement import (
    UpdateMonitor,
    UpdateMonitorsOfProvider,
    UpdateMonitorsOfUser,
)
from connector.services.announcements.signal_announcement import NoteLevels
from connector.services.announcements.status_announcement import WriteStatus, WriteStatuses
from connector.services.console.console_sessions import Person
from connector.services.outbox import Outbox
from connector.services.people.directory_checks import CheckUser, CheckUsers
from connector.services.providers.deletion import DeleteApplicant
from connector.services.signals.levels import SeedLevels
from connector.services.upkeep import Sweep
from connector.store.claims import lapsed_claims, verified_claims
from connector.store.deliveries import outbox, queueing, watchlist_monitors
from connector.store.deliveries.outbox import READY, Payload
from connector.store.dialect import from_now
from connector.store.engine import Database
from connector.store.models import outbox as outbox_table
from connector.store.people import directory_checks, status_writes
from connector.store.providers import provider_health
from connector.store.signals import signal_levels
from tests.bodies import API_TOKEN, config_properties, event_body, provider_body
from tests.contract.wire import (
    ALL_SCOPES,
    CONSOLE_SESSIONS,
    ENDPOINTS,
    EVENTS,
    JOBS,
    METRICS_TOKEN,
    PROVIDERS,
    SIGNAL_STREAMS,
    USERS,
    WEBHOOK_TOKEN,
)
from tests.crowd import COMMON_TAG, RARE_TAG, user_of_sandbox
from tests.harness import Caller, World, as_actor
from tests.oidc.relying_party import REDIRECT_URI, RelyingParty, UserBrowser, returned, run_of
from tests.plans.console_pages import drive_pages
from tests.plans.console_work import drive_console
from tests.plans.recording import Recorder
from tests.services.receiving import SCORE, SCORING, SECRET, Application, newest_task, notices, task_event, use_workflow
from tests.signals.receiver import STREAMS, VERIFICATION, Endpoint, as_client, connect, verify_by_hand
from tests.values import GIVEN_NAME

MATCHES = "watchlist_monitor.matches_updated"
PERIOD = {"from": "2026-01-01", "to": "2026-02-01"}


def drive(world: World, recorder: Recorder, neighbour: str) -> None:
    """Make all calls; `neighbour` is another provider of the tenant."""
    admin = world.connector.caller("admin", [*ALL_SCOPES, "internal_idv_claim_delete"])
    with Application() as application, Endpoint() as endpoint:
        use_workflow(world, SCORING)
        configure(world, admin, application)
        endpoint_id = notify(world, admin, application)
        stream_id = subscribe(world, endpoint)
        run_id = verify(world, admin)
        look_up(world, admin, run_id)
        finish(world, admin)
        administer(world, admin, neighbour)
        leave_sandbox(world, admin, neighbour)
        operate(admin)
        manage_deliveries(world, admin)
        use_console(world, admin)
        done(admin.get(f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/delivery-proof"))
        ask_for_jobs(world, admin, recorder)
        drive_console(world)
        drive_pages(world, run_id)
        done(admin.get(f"{ENDPOINTS}/{endpoint_id}"))
        done(admin.post(f"{ENDPOINTS}/{endpoint_id}/recover", {"since": "2026-01-01T00:00:00Z"}))
        turn_pages(admin, "/api/server/v1/deliveries", {"limit": "5", "endpointId": endpoint_id})
        watch(world, recorder)
        command(world, recorder, endpoint_id)
        use_streams(world, recorder, endpoint, stream_id)
        for user_id in ("ann", "bea", "cid", "dee"):
            done(admin.request("DELETE", f"{USERS}/{user_id}/idv"))
        work(world, recorder)


def done(answer: requests.Response) -> requests.Response:
    assert answer.status_code < 400, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer


def configure(world: World, admin: Caller, application: Application) -> None:
    path = f"{PROVIDERS}/{world.provider_id}"
    properties = config_properties(world.simulator, webhook_token=WEBHOOK_TOKEN, notice_secret=SECRET)
    studio = {"notices": notices(application, SCORE), "documentValues": True, "sendUserId": True} | {
        "unverifyOnMatch": True,
        "tags": [COMMON_TAG],
    }
    done(admin.put(path, provider_body(world.simulator, configProperties=properties, studio=studio)))
    done(admin.get(PROVIDERS, params={"filter": "name sw o"}))
    done(admin.get(path))
    done(admin.get(f"{path}/setup-guide"))
    for part in ("setup-progress", "usage"):
        done(admin.get(f"{path}/{part}"))
    done(admin.post(f"{path}/test-connection", None))
    tried = provider_body(world.simulator, name="tried", configProperties=properties)
    for where in (PROVIDERS, path):
        done(admin.post(f"{where}/test-configuration", tried))
        done(admin.get(f"{where}/health"))


def verify(world: World, admin: Caller) -> str:
    """Start, resume and end runs of two users; returns the run of the first, which was approved."""
    ann, bea = (world.add_user(user_id) for user_id in ("ann", "bea"))
    run_id = world.start(ann)
    done(ann.verify(world.provider_id, "REINITIATED"))
    world.outcome(run_id)
    task_id = newest_task(world, run_id)
    tasks = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/tasks"
    done(world.post_event(task_event(run_id, task_id)))
    done(admin.get(tasks))
    done(admin.get(f"{tasks}/{task_id}"))
    done(admin.post(f"{tasks}/{task_id}/complete", {"data": {"score": 7}}))
    done(ann.verify(world.provider_id, "COMPLETED"))
    claims = ann.claims()
    done(ann.get(f"{USERS}/me/idv/claims", params={"idVProviderId": world.provider_id}))
    done(ann.get(f"{USERS}/me/idv/claims/{claims[GIVEN_NAME]['id']}"))
    for signed in ({}, {"Accept": "application/jwt"}):
        done(ann.get(f"{USERS}/me/idv/verified-claims", headers=signed))
        done(admin.get(f"{USERS}/ann/idv/verified-claims", headers=signed))
    done(admin.get("/.well-known/jwks.json"))
    be_an_openid_provider(world, admin)
    use_workflow(world)
    done(admin.verify(world.provider_id, "INITIATED", user_id="bea"))
    done(bea.get(f"{USERS}/me/idv/claims"))
    return run_id


def be_an_openid_provider(world: World, admin: Caller) -> None:
    """Register an OpenID client, and complete a request of it with a user."""
    path = "/api/server/v1/openid-clients"
    body = {
        "name": "plans",
        "profile": "okta",
        "idVProviderId": world.provider_id,
        "redirectUris": [REDIRECT_URI],
        "allowsSandbox": True,
    }
    made = done(admin.post(path, body)).json()
    done(admin.get(path))
    done(admin.get(f"{path}/{made['clientId']}"))
    done(admin.put(f"{path}/{made['clientId']}", body))
    secret = done(admin.post(f"{path}/{made['clientId']}/rotate-secret", None)).json()["secret"]
    party = RelyingParty(world, made["clientId"], secret)
    pushed, browser = party.push(), UserBrowser(party)
    done(browser.authorize(pushed))
    browser.start()
    run_id = run_of(world)
    world.outcome(run_id)
    task = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/tasks/{newest_task(world, run_id)}"
    done(admin.post(f"{task}/complete", {"data": {"score": 7}}))
    returned(browser.follow(), pushed, party)
    token = party.id_token(pushed, returned(browser.press("back"), pushed, party)["code"])["access_token"]
    for method in ("GET", "POST"):
        done(admin.request(method, "/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"}))
    leaving = party.push()
    done(browser.session.post(f"{party.base}/oauth2/authorize", data={"request_uri": leaving.request_uri}, timeout=60))
    leaving = party.push()
    browser.authorize(leaving)
    world.connector.services.openid_clients.count_under_way(Tenant(world.tenant), party.client_id)
    returned(browser.press("leave"), leaving, party)
    done(admin.request("DELETE", f"{path}/{made['clientId']}"))


def look_up(world: World, admin: Caller, run_id: str) -> None:
    """View verifications, by each filter, and a run's data at Onfido."""
    path = f"{PROVIDERS}/{world.provider_id}/verifications"
    for query in (
        *({}, {"status": "review"}, {"status": "review,declined"}, {"userId": "ann"}, {"tag": RARE_TAG}),
        *({"environment": "live"}, {"environment": "sandbox", **PERIOD}, {"needsReview": "true"}),
        *({"claim": GIVEN_NAME, "result": "clear"}, {"claim": GIVEN_NAME, "result": "consider", "tag": COMMON_TAG}),
        *(
            {"decision": "declined"},
            {"decision": "none"},
            {"decision": "awaited"},
            {"decision": "none", "status": "review"},
        ),
        *({"capture": "link"}, {"capture": "sdk", **PERIOD}, {"capture": "link", "decision": "approved"}),
        *({"needsReview": "true", "environment": "live"}, {"status": "declined", "environment": "live"}),
        *({"tag": COMMON_TAG}, PERIOD, {"sort": "asc"}, {"userId": "ann", "status": "approved", "tag": COMMON_TAG}),
    ):
        turn_pages(admin, path, {"limit": "5", **query})
    done(admin.get(path, params={"total": "true"}))
    for filters in ({"status": "review"}, {"needsReview": "true"}, {"claim": GIVEN_NAME, "result": "clear"}):
        done(admin.get(path, params={"total": "true", **filters}))
    for query in ({"userId": "ann"}, {"tag": RARE_TAG}):
        done(admin.get(f"{path}.csv", params=query))
    done(admin.get(f"{path}/{run_id}"))
    done(admin.get(f"{path}/{run_id}/history"))
    done(admin.get(f"{path}/{run_id}/explanation"))
    done(admin.post(f"{path}/{run_id}/dry-run", {"claims": [{"localClaim": GIVEN_NAME, "idvpClaim": "first_name"}]}))
    done(admin.post(f"{path}/{run_id}/refresh", None))
    made = done(admin.post(f"{path}/{run_id}/timeline-file", None)).json()
    [picture, *_] = done(admin.get(f"{path}/{run_id}/pictures")).json()
    done(admin.get(f"{path}/{run_id}/pictures/{picture['id']}"))
    for file in (f"timeline-file/{made['fileId']}", "signed-evidence", "evidence-folder"):
        done(admin.get(f"{path}/{run_id}/{file}"))
    count(world, admin)
    for query in (
        *({}, {"userId": "ann"}, {"actor": as_actor("admin")}, {"actor": "admin"}, {"subject": "provider"}),
        *({"object": "ann"}, {"object": world.provider_id}, PERIOD),
        *({"action": "changed"}, {"outcome": "refused"}, {"outcome": "done"}, {"channel": "api"}),
        *({"actor": "admin", "subject": "provider"}, {"actor": "admin", "action": "changed"}),
        *({"subject": "provider", "action": "changed"}, {"actor": "admin", "outcome": "refused", "channel": "api"}),
    ):
        turn_pages(admin, "/api/server/v1/audit", {"limit": "5", **query})
    done(admin.get("/api/server/v1/audit.csv", params={"userId": "ann"}))
    look_at_deliveries(admin, {"providerId": world.provider_id}, {"verificationId": run_id})
    look_at_events(admin, world.provider_id, run_id)
    for public in ("/openapi.json", "/", "/docs/", "/docs/page.css", "/healthz", "/readyz"):
        done(admin.get(public))
    done(admin.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}))


def look_at_deliveries(admin: Caller, of_provider: dict[str, str], of_verification: dict[str, str]) -> None:
    """List deliveries by each filter, and count them and those that would be repeated."""
    kind, dead = {"kind": "tell_change"}, {"state": "dead"}
    for query in (
        *({}, {"state": "done"}, dead, kind, kind | dead, of_provider, of_provider | dead, of_provider | kind),
        *(of_verification, of_verification | kind | of_provider),
    ):
        turn_pages(admin, "/api/server/v1/deliveries", {"limit": "5", **query})
    for query in ({}, of_provider):
        done(admin.get("/api/server/v1/deliveries/counts", params=query))
    since = {"since": "2026-01-01T00:00:00Z"}
    for query in ({}, of_provider | kind, {"which": "everything"}):
        done(admin.get("/api/server/v1/deliveries/resend-preview", params=since | query))


def look_at_events(admin: Caller, provider_id: str, run_id: str) -> None:
    """View events, by each filter, read a body, and replay one."""
    verification = done(admin.get(f"{PROVIDERS}/{provider_id}/verifications/{run_id}")).json()
    kind, rare = {"kind": "workflow_run.completed"}, {"kind": "workflow_task.started"}
    for query in (
        *({}, kind, rare, PERIOD, {"state": "noted"}, {"state": "parked", **kind}, {"runId": run_id}),
        *({"verificationId": verification["id"]}, {"providerId": provider_id, **rare, **PERIOD}),
    ):
        turn_pages(admin, EVENTS, {"limit": "5", **query})
    done(admin.get(f"{EVENTS}/refused"))
    [event, *_] = done(admin.get(EVENTS, params={"runId": run_id})).json()["events"]
    for part in ("", "/body"):
        done(admin.get(f"{EVENTS}/{event['id']}{part}"))
    done(admin.post(f"{EVENTS}/{event['id']}/replay", None))


def count(world: World, admin: Caller) -> None:
    """Request the statistics of several periods."""
    for query in (
        {"period": "24h"},
        {"period": "90d", "providerId": world.provider_id},
        {"environment": "all"},
        PERIOD,
    ):
        done(admin.get("/api/server/v1/statistics", params=query))


def operate(admin: Caller) -> None:
    for operators in ("settings", "connections"):
        done(admin.get(f"/api/server/v1/{operators}"))


def turn_pages(admin: Caller, path: str, query: Mapping[str, str]) -> None:
    """Read the first two pages of a list."""
    page = done(admin.get(path, params=query)).json()
    if page["nextCursor"] is not None:
        done(admin.get(path, params={**query, "cursor": page["nextCursor"]}))


def finish(world: World, admin: Caller) -> None:
    """Complete a user's run through a review; post unknown, early and watchlist events as well."""
    done(admin.post(f"{USERS}/bea/idv/unlock", None))
    [bea, *_] = world.verifications("bea")
    run_id = bea.run_id or ""
    done(world.post_event(event_body("a-run-of-others")))
    world.outcome(run_id, status="review")
    done(world.post_event(event_body(run_id, "review", {"first_name": "clear"})))
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
    done(admin.post(path, {"decision": "approve", "reason": "seen"}))
    for action, method in (("", "PUT"), ("", "DELETE"), ("/restore", "POST")):
        done(admin.request(method, f"{PROVIDERS}/{world.provider_id}/applicants/{bea.applicant_id}{action}"))


def administer(world: World, admin: Caller, neighbour: str) -> None:
    """Correct claims, and change providers up to their removal."""
    done(admin.get(f"{USERS}/ann/idv"))
    done(admin.post(f"{USERS}/ann/idv/attributes-changed", None))
    added = {"uri": "http://wso2.org/claims/country", "idVProviderId": neighbour, "isVerified": True}
    [claim] = done(admin.post(f"{USERS}/ann/idv/claims", [added])).json()
    done(admin.put(f"{USERS}/ann/idv/claims", [added]))
    done(admin.get(f"{USERS}/ann/idv/claims", params={"idVProviderId": neighbour}))
    done(admin.get(f"{USERS}/ann/idv/claims/{claim['id']}"))
    done(admin.put(f"{USERS}/ann/idv/claims/{claim['id']}", {"isVerified": False, "claimMetadata": {}}))
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Anna"})
    made = done(admin.post(PROVIDERS, provider_body(world.simulator, name="short-lived"))).json()["id"]
    path = f"{PROVIDERS}/{made}"
    done(admin.post(f"{path}/webhook", None))
    done(admin.request("DELETE", f"{path}/previous-webhook-token"))
    done(admin.request("DELETE", f"{path}/webhook"))
    done(admin.request("DELETE", path))


def leave_sandbox(world: World, admin: Caller, neighbour: str) -> None:
    """Change a provider from the sandbox to live; the worker withdraws the claims with the other deliveries."""
    for token in ("api_sandbox.neighbour", "api_live.neighbour"):
        properties = config_properties(world.simulator, token=token)
        body = provider_body(world.simulator, name="neighbour", configProperties=properties)
        done(admin.put(f"{PROVIDERS}/{neighbour}", body))
    services = world.connector.services
    services.withdrawals.resume()
    with services.database.write() as connection:
        lapsed_claims.withdraw_of_user(connection, world.tenant, user_of_sandbox("b"), world.clock(), neighbour)


def notify(world: World, admin: Caller, application: Application) -> str:
    """Register endpoints, and call every operation on one; return one that remains."""
    body = {"url": application.url, "events": ["verification.finished", "claims.changed", "attention.needed"]}
    kept: str = done(admin.post(ENDPOINTS, body)).json()["id"]
    made = done(admin.post(ENDPOINTS, body)).json()["id"]
    done(admin.get(ENDPOINTS))
    done(admin.get(ENDPOINTS, params={"providerId": world.provider_id}))
    done(admin.put(f"{ENDPOINTS}/{made}", body | {"tasks": [SCORE]}))
    done(admin.post(f"{ENDPOINTS}/{made}/rotate-secret", {}))
    done(admin.post(f"{ENDPOINTS}/{made}/test", None))
    done(admin.request("DELETE", f"{ENDPOINTS}/{made}"))
    return kept


def subscribe(world: World, endpoint: Endpoint) -> str:
    """Create a stream of signals that is pushed, and one that is polled; return the one that stays."""
    app = as_client(world.connector)
    kept = connect(app, endpoint.delivery).stream_id
    polled = connect(app)
    for query in ({}, {"stream_id": kept}):
        done(app.get(STREAMS, params=query))
    for method in ("PATCH", "PUT"):
        done(app.request(method, STREAMS, json={"stream_id": polled.stream_id}))
    for status in ("paused", "enabled"):
        polled.status(status)
    polled.ask_status()
    done(app.post(VERIFICATION, {"stream_id": polled.stream_id}))
    polled.poll(ack=list(polled.poll()["sets"]))
    for path in ("remove", "add"):
        subject = {"stream_id": kept, "subject": {"format": "opaque", "id": "somebody"}}
        done(app.post(f"/ssf/subjects/{path}", subject))
    done(app.request("DELETE", STREAMS, params={"stream_id": polled.stream_id}))
    for path in ("/.well-known/ssf-configuration", "/.well-known/ssf-configuration/t/acme"):
        done(app.get(path))
    return kept


def use_streams(world: World, recorder: Recorder, endpoint: Endpoint, stream_id: str) -> None:
    """Record levels, disable a stream whose events are too old, and push a stream's events."""
    services, tenant = world.connector.services, Tenant(world.tenant)
    with services.database.write() as connection:
        outbox.add_all(
            connection,
            [SeedLevels(world.tenant, "b-~"), NoteLevels(world.tenant, world.provider_id, "b-~")],
        )
    world.add_user("dee")
    verify_by_hand(world, "dee")
    work(world, recorder)
    assert endpoint.received
    admin = world.connector.as_admin()
    for path in (SIGNAL_STREAMS, f"{SIGNAL_STREAMS}/{stream_id}"):
        done(admin.get(path))
    with recorder.sending("the worker"):
        services.signal_streams.switch(tenant, stream_id, "disabled", "the tests")
        services.signal_streams.switch(tenant, stream_id, "enabled", None)
        with services.database.write() as connection:
            signal_levels.forget_some(connection, "none", 5)
    work(world, recorder)


def use_console(world: World, admin: Caller) -> None:
    """Sign people in to the console, list their sessions, and sign them out in each way."""
    sessions, tenant, path = world.connector.services.console_sessions, Tenant(world.tenant), CONSOLE_SESSIONS
    person = Person("bob", "Bob", "console", "https://idp.example.com", frozenset({"internal_idvp_view"}), "b", "s")
    secret = sessions.begin(tenant, replace(person, token=OwnToken("token", 600)), "bob")
    world.clock.advance(90)
    found = sessions.find(tenant, secret)
    assert found is not None
    assert sessions.own_token(found) == "token"
    sessions.forget_tokens()
    assert sessions.use_link(tenant, sessions.make_link(tenant, "bob", ())) is not None
    sessions.begin(tenant, person, "bob", replaced=secret)
    for query in ({}, {"userId": "bob"}):
        turn_pages(admin, path, {"limit": "1", **query})
    [session, *_] = done(admin.get(path)).json()["sessions"]
    done(admin.request("DELETE", f"{path}/{session['id']}"))
    done(admin.request("DELETE", path, params={"userId": "bob"}))
    done(admin.request("DELETE", path))
    sessions.end_of_issuer(person.issuer, subject="b", issuer_session="s")


def manage_deliveries(world: World, admin: Caller) -> None:
    """View a waiting delivery, retry it, and drop it."""
    order = DeleteApplicant(world.tenant, world.provider_id, "none")
    with world.connector.services.database.write() as connection:
        outbox.add(connection, order)
    [page] = [done(admin.get("/api/server/v1/deliveries", params={"state": "ready", "limit": 1})).json()]
    path = f"/api/server/v1/deliveries/{page['deliveries'][0]['id']}"
    done(admin.get(path))
    done(admin.post(f"{path}/retry", None))
    done(admin.request("DELETE", path))


def ask_for_jobs(world: World, admin: Caller, recorder: Recorder) -> None:
    """Request every kind of job, do the first steps, view them, and cancel one."""
    since = {"since": "2026-01-01T00:00:00Z"}
    asked = [
        done(admin.post(f"{JOBS}/verifications-csv", {"userId": "ann"})),
        done(admin.post(f"{JOBS}/user-record", {"userId": "ann"})),
        done(admin.post(f"{JOBS}/resend-deliveries", since)),
        done(admin.post(f"{JOBS}/resend-deliveries", since | {"which": "everything"})),
        done(admin.post(f"{JOBS}/fetch-runs", since | {"providerId": world.provider_id})),
    ]
    work(world, recorder)
    turn_pages(admin, JOBS, {"limit": "2"})
    path = f"{JOBS}/{asked[0].json()['id']}"
    done(admin.get(path))
    done(admin.get(f"{path}/result"))
    cancelled = done(admin.post(f"{JOBS}/verifications-csv", {"userId": "bea"})).json()["id"]
    done(admin.post(f"{JOBS}/{cancelled}/cancel", None))
    for query in ({}, {"prefix": "b-"}, {"total": "true"}, {"total": "true", "prefix": "b-"}):
        turn_pages(admin, f"{USERS}/idv", {"limit": "5", **query})


def watch(world: World, recorder: Recorder) -> None:
    """Do the worker's part: deliveries of every kind, and a sweep with due work."""
    applicant_id = world.verifications("ann")[0].applicant_id
    url = f"{world.simulator.api_url}/watchlist_monitors"
    body = {"applicant_id": applicant_id, "report_name": "watchlist_standard"}
    monitor = requests.post(url, json=body, headers={"Authorization": f"Token token={API_TOKEN}"}, timeout=60).json()
    found = f"{world.simulator.url}/simulator/watchlist_monitors/{monitor['id']}/matches"
    assert requests.post(found, json={"count": 2}, timeout=60).ok
    told = {"id": monitor["id"], "status": "complete", "completed_at_iso8601": "2026-03-04T05:06:07Z"}
    payload = {"resource_type": "watchlist_monitor", "action": MATCHES, "object": told, "resource": {}}
    done(world.post_event(json.dumps({"payload": payload}).encode()))
    world.start(world.add_user("cid"))
    work(world, recorder)
    done(world.connector.as_admin().get(f"{PROVIDERS}/{world.provider_id}/match-impact"))
    draft = [{"localClaim": uri, "idvpClaim": "email"} for uri in (GIVEN_NAME,)]
    draft += [{"localClaim": f"urn:{field}", "idvpClaim": field} for field in ("first_name", "last_name")]
    done(world.connector.as_admin().post(f"{PROVIDERS}/{world.provider_id}/remapping-impact", {"claims": draft}))
    pass_over_users(world, recorder)
    write_back(world, recorder)
    keep_monitors(world, recorder)
    world.clock.advance(600)
    work(world, recorder)
    world.clock.advance(-600)


def pass_over_users(world: World, recorder: Recorder) -> None:
    """Start a pass over the tenant's users near its end, and read one of them once more."""
    services, now = world.connector.services, world.clock()
    with recorder.sending("the sweep"), services.database.write() as connection:
        assert directory_checks.begin(connection, world.tenant, "a-pass", now, now)
        begun = directory_checks.find(connection, world.tenant, "a-pass")
        assert begun
        assert directory_checks.advance(connection, world.tenant, begun, "b-~", now, checked=0, gone=0)
        assert directory_checks.find_missing(connection, world.tenant, "a-pass") == []
        orders: list[Payload] = [CheckUsers(world.tenant, "a-pass", "b-~"), CheckUser(world.tenant, "ann")]
        outbox.add_all(connection, orders)


def write_back(world: World, recorder: Recorder) -> None:
    """Write a user's status as to a remote directory, and queue that of all whose status was written."""
    tenant, database = world.tenant, world.connector.services.database
    with recorder.sending("the worker"), database.write() as connection:
        verified_claims.find_records(connection, tenant, "ann")
        for written in ("digest", None):
            turn = status_writes.take(connection, tenant, "ann", "tests", 60)
            assert turn
            assert status_writes.release(connection, turn, written)
        outbox.add_all(connection, [WriteStatus(tenant, "ann"), WriteStatuses(tenant, "b-~")])


def keep_monitors(world: World, recorder: Recorder) -> None:
    """Record a user's watchlist monitor, and find users whose monitor does not match the setting."""
    tenant, provider_id, database = world.tenant, world.provider_id, world.connector.services.database
    target = MonitorTarget("an-applicant", STANDARD)
    with recorder.sending("the worker"), database.write() as connection:
        turn = watchlist_monitors.take(connection, tenant, provider_id, "ann", "tests", 60)
        assert turn
        assert watchlist_monitors.announce(connection, turn, target)
        assert watchlist_monitors.release(connection, turn, "a-monitor")
        watchlist_monitors.release_after_failure(connection, turn)
        watchlist_monitors.find_claims(connection, provider_id, "ann")
        watchlist_monitors.examine(connection, provider_id, STANDARD, "", 5)
        assert watchlist_monitors.examine(connection, provider_id, None, "", 5)
        assert watchlist_monitors.find_providers(connection, tenant, "ann") == [provider_id]
        again = watchlist_monitors.take(connection, tenant, provider_id, "ann", "tests", 60)
        assert again
        assert watchlist_monitors.release(connection, again, None)
        orders = [UpdateMonitor(tenant, provider_id, "nobody"), UpdateMonitorsOfUser(tenant, None, "nobody")]
        outbox.add_all(connection, [*orders, UpdateMonitorsOfProvider(tenant, provider_id, None, "b-~")])
        queueing.add_all(connection, [UpdateMonitorsOfUser(tenant, None, "ann").candidate()])
    with recorder.sending("the worker"), database.write() as connection:
        watchlist_monitors.count_left(connection, "none", 5)
        watchlist_monitors.forget_some(connection, 5, provider_id=world.provider_id)


def work(world: World, recorder: Recorder) -> None:
    """Sweep, and deliver until nothing is due but what failed, which on a slow machine is always due again."""
    services = world.connector.services
    with services.database.write() as connection:
        provider_health.put_due(connection, world.provider_id, world.clock())
    with recorder.sending("the sweep"):
        services.upkeep.sweep(Sweep())
    while deliver(services.outbox, recorder) and has_untried(services.database):
        drop_following_pages(services.database)
    with recorder.sending("the worker"):
        services.outbox.release("tests")


def deliver(outbox: Outbox, recorder: Recorder) -> bool:
    """Deliver some of what is due; False if nothing is."""
    with recorder.sending("the worker"):
        return outbox.work("tests") > 0 or send_notice(outbox)


def has_untried(database: Database) -> bool:
    """Whether a delivery is due that was never attempted."""
    is_untried = (outbox_table.c.state == READY, outbox_table.c.attempts == 0, outbox_table.c.due_at <= from_now(0))
    with database.read() as connection:
        return connection.execute(select(outbox_table.c.id).where(*is_untried).limit(1)).first() is not None


def drop_following_pages(database: Database) -> None:
    """Drop the page of users that would be due in half a minute, and then the next, as long as the calls take."""
    is_page = (outbox_table.c.kind == UpdateMonitorsOfProvider.kind, outbox_table.c.state == READY)
    with database.write() as connection:
        connection.execute(delete(outbox_table).where(*is_page, outbox_table.c.due_at > from_now(0)))


def send_notice(outbox: Outbox) -> bool:
    """Send the first due notice, if there is one."""
    delivery = outbox.lease_notice("tests")
    if delivery is not None:
        outbox.deliver(delivery, "tests")
    return delivery is not None


def command(world: World, recorder: Recorder, endpoint_id: str) -> None:
    """Run every list of the command line."""
    settings = world.connector.settings
    environ = {
        "CONNECTOR_DATA_DIR": str(settings.data_dir),
        "CONNECTOR_DATABASE_URL": settings.database_url,
        "CONNECTOR_CONFIG": "",
    }
    for line in (
        "verification list",
        "verification list --status review",
        "verification list --status review,declined --sort asc",
        f"verification list --tag {RARE_TAG}",
        f"verification list --tag {COMMON_TAG}",
        "verification list --needs-review",
        "verification list --environment live",
        f"verification list --claim {GIVEN_NAME} --result clear",
        "verification list --from 2026-01-01 --to 2026-01-31",
        "user list",
        "user list --search nn",
        "events list",
        "events list --state applied",
        "events list --state parked",
        "events list --state noted",
        "events list --provider Onfido",
        "events list --run a-run-of-others",
        f"notices attempts {endpoint_id}",
        "jobs list",
        "outbox list",
        "outbox list --tenant default",
        "outbox list --dead",
        "audit",
        "console sessions",
        "console sessions --user bob",
    ):
        with recorder.sending(f"connector {line}"):
            first = CliRunner().invoke(main, [*line.split(), "--limit", "5"], env=environ, catch_exceptions=False)
            if "--cursor" in first.stderr:
                following = [*line.split(), "--cursor", first.stderr.split()[-1]]
                assert CliRunner().invoke(main, following, env=environ, catch_exceptions=False).exit_code == 0
        assert first.exit_code == 0, first.output
