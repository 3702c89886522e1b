"""The console's lists of verifications, users and jobs, one user, and the search box, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from connector.domain.tenancy import Tenant
from tests.bodies import provider_body
from tests.browser.visiting import ALL_SCOPES, NARROW, WIDE, Visitor
from tests.contract.wire import DELIVERIES, ENDPOINTS, PROVIDERS, answer_on
from tests.harness import ADMIN_SCOPES, Caller, World
from tests.loopback import Quiet, serving
from tests.values import GIVEN_NAME, VALUES

Visit = Callable[..., Visitor]
VALUES_SCOPE = "internal_idv_verified_claims_view"
EVERYTHING = (*ALL_SCOPES, VALUES_SCOPE)
OTHERS = "elsewhere.example"
_numbers = count(1)


@pytest.fixture
def home(place: World) -> World:
    """A tenant of the test's own, with a provider."""
    tenant = f"tenant-{next(_numbers)}.example"
    world = World(place.connector, place.simulator, place.clock, tenant=tenant)
    admin = place.connector.as_admin(tenant)
    world.provider_id = answer_on(admin.post(PROVIDERS, provider_body(place.simulator)), 201)["id"]
    return world


def verified(home: World, user_id: str, **outcome: Any) -> str:
    """Add a user whose verification has ended; return the verification's id."""
    user = home.add_user(user_id)
    home.outcome(home.start(user), **outcome)
    home.connector.services.lookup.refresh(Tenant(home.tenant), home.verifications(user_id)[0].verification_id)
    return home.verifications(user_id)[0].verification_id


def admin_of(home: World) -> Caller:
    return home.connector.caller("admin", ADMIN_SCOPES, home.tenant)


class TestVerifications:
    def test_the_list_has_filters_and_pages(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        verified(home, "bea", status="declined")
        home.start(home.add_user("cid"))
        visitor = visit(tenant=home.tenant)
        page = visitor.open("/console/verifications")
        expect(page.get_by_role("row")).to_have_count(4)
        expect(page.get_by_role("row", name=re.compile("ann"))).to_contain_text("Approved")
        expect(page.get_by_role("row", name=re.compile("ann"))).to_contain_text("3 of 3 verified")

        page.get_by_text("Filter", exact=True).click()
        page.get_by_role("checkbox", name="Declined").check()
        page.get_by_label("User", exact=True).fill("bea")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("row")).to_have_count(2)
        assert "status=declined" in page.url
        expect(page.get_by_role("link", name=re.compile("Remove the filter.*bea"))).to_be_visible()
        page.get_by_role("link", name=re.compile("Remove the filter.*Declined")).click()
        assert "userId=bea" in page.url
        assert "status" not in page.url
        visitor.open("/console/verifications?userId=nobody")
        expect(page.get_by_text("Nothing matches.")).to_be_visible()
        visitor.open("/console/verifications?userId=bea&status=declined&tag=none")
        visitor.look_at("verifications-nothing-matches")
        page.get_by_label("Verifications").get_by_role("link", name=re.compile("Remove the filter.*none")).click()
        expect(page.get_by_role("row", name=re.compile("bea"))).to_be_visible()

    def test_new_entries_are_announced_above_the_list(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        visitor = visit(tenant=home.tenant)
        page = visitor.open("/console/verifications")
        home.start(home.add_user("bea"))
        page.get_by_role("link", name="1 new").click()
        expect(page.get_by_role("row")).to_have_count(3)

    def test_a_csv_export_is_a_job_with_the_filters_of_the_list(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        verified(home, "bea", status="declined")
        visitor = visit(tenant=home.tenant)
        page = visitor.open("/console/verifications?status=declined")
        page.get_by_role("button", name="CSV").click()
        expect(page.get_by_role("heading", name="Verifications as CSV")).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download CSV").click()
        text = downloading.value.path().read_text(encoding="utf-8")
        assert "bea" in text
        assert "ann" not in text

    @pytest.mark.one_database
    def test_every_view_is_legible(self, visit: Visit, home: World) -> None:
        for number, status in enumerate(("approved", "declined", "review", "abandoned", "approved")):
            verified(home, f"user-{number}", status=status)
        home.start(home.add_user("zoe"))
        visitor = visit(tenant=home.tenant)
        visitor.look("/console/verifications", "verifications")
        visitor.look("/console/verifications?status=declined&status=review&userId=user-1", "verifications-filtered")
        visitor.look("/console/verifications?userId=nobody", "verifications-nothing")
        visit(tenant=OTHERS).look("/console/verifications", "verifications-empty")


class TestUsers:
    def test_a_user_is_found_and_values_are_shown_only_on_request(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        home.add_user("bea")
        visitor = visit(EVERYTHING, home.tenant)
        page = visitor.open("/console/users")
        expect(page.get_by_role("row", name=re.compile("ann"))).to_contain_text("3 of 3")
        page.get_by_label("Id begins with").fill("an")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("row")).to_have_count(2)
        page.get_by_role("link", name="ann", exact=True).click()
        assert VALUES[GIVEN_NAME] not in page.content()
        page.get_by_role("button", name="Show values").click()
        expect(page.get_by_role("cell", name=VALUES[GIVEN_NAME], exact=True).first).to_be_visible()
        entries = answer_on(admin_of(home).get("/api/server/v1/audit", params={"subject": "values"}), 200)["entries"]
        assert [(each["name"], each["to"]) for each in entries] == [("ann", "read")]

    def test_an_attribute_is_corrected_with_a_reason(self, visit: Visit, home: World) -> None:
        verified(home, "ann", status="declined")
        page = visit(EVERYTHING, home.tenant).open("/console/users/ann")
        page.get_by_role("link", name=re.compile("Correct.*Given name")).click()
        page.get_by_role("button", name="Save the correction").click()
        expect(page.get_by_role("alert")).to_contain_text("A reason is required")
        page.get_by_label("Reason").fill("seen at the desk")
        page.get_by_role("button", name="Save the correction").click()
        expect(page.get_by_text("The attribute is verified by hand.")).to_be_visible()
        expect(page.get_by_role("row", name=re.compile("Given name"))).to_contain_text("by hand")
        expect(page.get_by_text("seen at the desk")).to_be_visible()

    def test_attempts_are_unlocked_with_a_reason(self, visit: Visit, home: World) -> None:
        verified(home, "ann", status="declined")
        page = visit(EVERYTHING, home.tenant).open("/console/users/ann")
        page.get_by_role("link", name="Unlock attempts").click()
        expect(page.get_by_role("dialog")).to_contain_text("ann may then start 5 more verifications with")
        page.get_by_label("Reason").fill("wrong document")
        page.get_by_role("button", name="Unlock").click()
        expect(page.get_by_text("1 earlier attempt no longer counts.")).to_be_visible()

    def test_the_record_is_exported_as_a_job(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        page = visit(EVERYTHING, home.tenant).open("/console/users/ann")
        page.get_by_role("button", name="Export the record").click()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download HTML").click()
        assert VALUES[GIVEN_NAME] in downloading.value.path().read_text(encoding="utf-8")

    def test_a_user_is_removed_after_the_id_was_typed(self, visit: Visit, home: World) -> None:
        verified(home, "SECONDARY/ann")
        visitor = visit(EVERYTHING, home.tenant, javascript=False)
        page = visitor.open("/console/users/SECONDARY%2Fann")
        page.get_by_role("link", name="Remove", exact=True).click()
        page.get_by_label(re.compile("to confirm")).fill("another")
        page.get_by_role("button", name="Remove the user").click()
        expect(page.get_by_text("Nothing was removed")).to_be_visible()
        page.get_by_role("link", name="Remove", exact=True).click()
        page.get_by_label(re.compile("to confirm")).fill("SECONDARY/ann ")  # as a double click on it copies it
        page.get_by_role("button", name="Remove the user").click()
        expect(page.get_by_text("Removed. 1 applicant is deleted at Onfido shortly.")).to_be_visible()
        visitor.open("/console/users/SECONDARY%2Fann", 404)

    def test_buttons_are_hidden_without_the_scopes(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        visitor = visit(("internal_idv_claim_view",), home.tenant)
        page = visitor.open("/console/users/ann")
        for name in ("Show values", "Unlock attempts", "Export the record", "Remove", "Correct"):
            expect(page.get_by_text(name, exact=True)).to_have_count(0)
        visitor.open("/console/users/ann/remove", 403)

    @pytest.mark.one_database
    def test_every_view_is_legible(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        verified(home, "bea", status="declined")
        home.add_user("a-user-with-a-rather-long-id-0123456789-0123456789@subdomain.example.com")
        visitor = visit(EVERYTHING, home.tenant)
        visitor.look("/console/users", "users")
        visitor.look("/console/users/ann", "user")
        visitor.look("/console/users/bea", "user-declined")
        visitor.look("/console/users/bea/remove", "user-remove")
        claims = answer_on(admin_of(home).get("/api/users/v1/bea/idv/claims"), 200)
        visitor.look(f"/console/users/bea/claims/{claims[0]['id']}", "user-correct")
        visit(EVERYTHING, OTHERS).look("/console/users", "users-empty")


class Taking(Quiet):
    """An application that accepts every notice."""

    def do_POST(self) -> None:  # noqa: N802  the base class's name
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)


class TestJobs:
    def test_runs_are_fetched_and_deliveries_resent_by_a_job(self, visit: Visit, home: World) -> None:
        page = visit(EVERYTHING, home.tenant).open("/console/jobs")
        page.get_by_role("link", name="Ask Onfido for runs").click()
        page.get_by_role("button", name="Ask Onfido").click()
        expect(page.get_by_text("Runs in Onfido’s list")).to_be_visible()
        page.get_by_role("link", name="Jobs").last.click()
        page.get_by_role("link", name="Resend deliveries…").click()
        page.get_by_role("button", name="Count them").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was done.")
        expect(page.get_by_role("alert")).to_contain_text("no such delivery exists since this one")
        admin = admin_of(home)
        with serving(Taking) as url:
            answer_on(admin.post(ENDPOINTS, {"url": url, "events": ["verification.finished"]}), 201)
            verified(home, "ann")
            home.wait_until(
                lambda: admin.get(DELIVERIES, params={"state": "done", "kind": "tell_change"}).json()["deliveries"]
            )
        yesterday = datetime.now(UTC) - timedelta(days=1)  # it may be just after midnight
        page.get_by_role("textbox", name="Since").fill(f"{yesterday:%Y-%m-%dT%H:%M}")
        page.get_by_label("Every notice since then, also those that were sent").check()
        page.get_by_role("button", name="Count them").click()
        expect(page.get_by_role("heading", name="Resend 1 delivery?")).to_be_visible()
        page.get_by_role("button", name="Resend 1").click()
        expect(page.get_by_text("Done", exact=True)).to_be_visible()

    @pytest.mark.one_database
    def test_a_double_click_creates_one_job(self, visit: Visit, home: World) -> None:
        visitor = visit(EVERYTHING, home.tenant)
        page = visitor.open("/console/verifications")
        page.get_by_role("button", name="CSV").dblclick()
        expect(page).to_have_url(re.compile(r"/console/jobs/"))
        page = visitor.open("/console/jobs")
        expect(page.locator("table.list tbody tr")).to_have_count(1)

    def test_a_queued_job_is_cancelled(self, visit: Visit, home: World) -> None:
        home.connector.rest()
        try:
            page = visit(EVERYTHING, home.tenant).open("/console/verifications")
            page.get_by_role("button", name="CSV").click()
            expect(page.get_by_text("Queued", exact=True)).to_be_visible()
            page.get_by_role("link", name="Cancel").click()
            page.get_by_role("button", name="Cancel the job").click()
            expect(page.get_by_text("The job was cancelled.")).to_be_visible()
        finally:
            home.connector.deliver()

    @pytest.mark.one_database
    def test_every_view_is_legible(self, visit: Visit, home: World) -> None:
        verified(home, "ann")
        visitor = visit(EVERYTHING, home.tenant)
        visitor.look("/console/jobs", "jobs-empty")
        admin = home.connector.caller("admin", [*ADMIN_SCOPES, VALUES_SCOPE], home.tenant)
        asked = [
            answer_on(admin.post("/api/server/v1/jobs/user-record", {"userId": user_id}), 202)["id"]
            for user_id in ("ann", "nobody")
        ]
        for job_id in asked:
            home.wait_until(lambda job_id=job_id: state_of(admin, job_id) in ("done", "failed"))  # type: ignore[misc]
        visitor.look("/console/jobs", "jobs")
        visitor.look(f"/console/jobs/{asked[0]}", "job-done")
        visitor.look(f"/console/jobs/{asked[1]}", "job-failed")
        visitor.look("/console/jobs/new/resend", "job-resend")
        visitor.page.get_by_role("button", name="Count them").click()
        visitor.look_at("job-resend-nothing")
        visitor.look("/console/jobs/new/fetch-runs", "job-fetch-runs")


def state_of(admin: Caller, job_id: str) -> str:
    return str(answer_on(admin.get(f"/api/server/v1/jobs/{job_id}"), 200)["state"])


class TestSearch:
    def test_an_exact_id_opens_its_page(self, visit: Visit, home: World) -> None:
        verification_id = verified(home, "ann")
        [verification] = home.verifications("ann")
        visitor = visit(EVERYTHING, home.tenant)
        page = visitor.page
        for text, path in (
            ("ann", "/console/users/ann"),
            (verification_id, f"/console/verifications/{verification_id}"),
            ((verification.run_id or "").upper(), f"/console/verifications/{verification_id}"),
            (verification.applicant_id, f"/console/verifications/{verification_id}"),
        ):
            visitor.open("/console/users")
            page.get_by_role("searchbox").first.fill(text or "")
            page.keyboard.press("Enter")
            page.wait_for_url(f"**{path}")

    def test_a_prefix_of_an_id_lists_the_users(self, visit: Visit, home: World) -> None:
        home.add_user("ann")
        home.add_user("anna")
        visitor = visit(EVERYTHING, home.tenant)
        page = visitor.open("/console/search?q=an")
        expect(page.get_by_role("row")).to_have_count(3)
        visitor.look("/console/search?q=an", "search")
        visitor.look("/console/search?q=nobody", "search-nothing")
        visitor.open("/console/search")


def test_no_page_shows_data_of_another_tenant(visit: Visit, home: World) -> None:
    verification_id = verified(home, "ann")
    admin = home.connector.caller("admin", [*ADMIN_SCOPES, VALUES_SCOPE], home.tenant)
    job_id = answer_on(admin.post("/api/server/v1/jobs/user-record", {"userId": "ann"}), 202)["id"]
    visitor = visit(EVERYTHING, OTHERS)
    for path in ("verifications", "users", "jobs", "users?prefix=ann", "search?q=ann", f"search?q={verification_id}"):
        page = visitor.open(f"/console/{path}")
        expect(page.locator("main").get_by_role("row")).to_have_count(0)
    for path in ("users/ann", f"jobs/{job_id}", f"jobs/{job_id}/result"):
        visitor.open(f"/console/{path}", 404)


@pytest.mark.one_database
def test_ids_and_names_of_255_characters_fit_into_every_page(visit: Visit, home: World) -> None:
    changed = provider_body(home.simulator, name="Онфидо" + "x" * 249)
    assert admin_of(home).put(f"{PROVIDERS}/{home.provider_id}", changed).ok
    visitor = visit(EVERYTHING, home.tenant)
    for user_id in ("x" * 255, "مستخدم-١٢" + "ع" * 200):
        verification_id, user = verified(home, user_id), f"/console/users/{quote(user_id)}"
        for path in (
            *("/console/users", user, f"{user}/unlock", f"{user}/remove", f"/console/search?q={user_id}"),
            *(f"/console/verifications{rest}" for rest in ("", f"?userId={quote(user_id)}", f"/{verification_id}")),
            *(f"/console/verifications/{verification_id}{rest}" for rest in ("?view=raw", "/review")),
            *("/console/home", "/console/audit", "/console/jobs/new/fetch-runs", "/console/deliveries/endpoints/new"),
        ):
            visitor.open(path)
            for width in (WIDE, NARROW):
                visitor.page.set_viewport_size({"width": width, "height": 900})
                wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                assert visitor.page.evaluate(wider) <= 0, f"{path} at {width}"
