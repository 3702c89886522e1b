"""A person who uses the console in a browser, and what is observed meanwhile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.harness import World

ALL_SCOPES = (
    *(f"internal_idvp_{name}" for name in ("view", "add", "update", "delete")),
    *(f"internal_idv_claim_{name}" for name in ("verify", "view", "add", "update", "delete")),
)
WIDE, NARROW = 1280, 390
LIGHT, DARK = "light", "dark"
VIEWS = tuple((width, scheme) for width in (WIDE, NARROW) for scheme in (LIGHT, DARK))
_WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__violations.push(`${event.violatedDirective}: ${event.blockedURI || "inline"} ${event.sourceFile || ""}`);
});
"""
_TAKE = (
    "new Promise((done) => setTimeout(() => done((window.__violations || []).splice(0)), 20))"  # they come as events
)
_axe = Axe()


class Visitor:
    """A person's browser; `page` is Playwright's."""

    def __init__(
        self, browser: Browser, place: World, tenant: str, name: str, *, width: int, scheme: Any, javascript: bool
    ) -> None:
        self.place = place
        self.tenant = tenant
        self.base = place.connector.url + ("" if tenant == DEFAULT_TENANT else f"/t/{tenant}")
        self._name = name
        self.secrets: list[str] = [API_TOKEN]
        self.problems: list[str] = []
        self.expected: list[str] = []  # patterns of errors that a test brings about
        self.violations: list[str] = []
        self._bodies: list[tuple[str, str]] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            locale="en-GB",
            timezone_id="Europe/Berlin",
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(60_000)
        self.context.add_init_script(_WATCH)
        self.page: Page = self.context.new_page()
        self.page.on("response", self._keep)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self._javascript = javascript

    def sign_in(self, user: str, scopes: Sequence[str]) -> None:
        """Sign in with a one-time link."""
        secret = self.place.connector.services.console_sessions.make_link(Tenant(self.tenant), user, scopes)
        self.open(f"/console/link/{secret}?next={self.base.removeprefix(self.place.connector.url)}/console/sessions")

    def open(self, path: str, status: int = 200) -> Page:
        """Open a page of the tenant's."""
        self._collect()
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status} {self.text()}"
        return self.page

    def text(self) -> str:
        """Return the text of the page's main part."""
        return self.page.locator("main").inner_text()

    def shot(self, name: str) -> None:
        """Keep a picture of the page, where BROWSER_PICTURES names a folder."""
        if folder := os.environ.get("BROWSER_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            size = self.page.viewport_size or {"width": 0}
            scheme = self.page.evaluate("document.documentElement.dataset.bsTheme")
            self.page.screenshot(path=Path(folder) / f"{name}-{size['width']}-{scheme}.png", full_page=True)

    def axe(self) -> None:
        """Check the page's accessibility: no serious violations, and no horizontal scrolling."""
        result = _axe.run(self.page)
        faults = [
            f"{each['id']} ({each['impact']}): {each['help']}: {[node['target'] for node in each['nodes']][:4]}"
            for each in result.response["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert faults == [], "\n".join([self.page.url, *faults])
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{self.page.url} is {overflow} px wider than the window"

    def look(self, path: str, name: str) -> None:
        """Open a page in light and dark, wide and narrow: check each view and keep its picture."""
        for width, scheme in VIEWS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.open(path)
            self.page.wait_for_load_state("networkidle")
            self.axe()
            self.shot(name)

    def look_at(self, name: str) -> None:
        """Look at the page that is open in every view."""
        for width, scheme in VIEWS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.axe()
            self.shot(name)

    @contextmanager
    def expecting_violations(self) -> Iterator[list[str]]:
        """Collect the violations of the Content-Security-Policy meanwhile; they are no fault of the test's."""
        self._collect()
        before, self.violations = self.violations, []
        collected: list[str] = []
        yield collected
        self._collect()
        collected += self.violations
        self.violations = before
        self.problems = [each for each in self.problems if "Content Security Policy" not in each]

    def leave(self) -> None:
        """Close the browser."""
        self._collect()
        self.context.close()

    def check(self) -> None:
        """Check the collected violations, errors and answers."""
        assert self.violations == [], f"the pages broke their policy: {self.violations}"
        problems = [each for each in self.problems if not any(re.search(pattern, each) for pattern in self.expected)]
        assert problems == [], f"the pages reported {problems}"
        self.no_secret()

    def no_secret(self) -> None:
        """Check that no answer contained one of `secrets`, to which the test may add."""
        for secret in self.secrets:
            held = [url for url, body in self._bodies if secret in body]
            assert held == [], f"a secret was sent to the browser by {held}"

    def _collect(self) -> None:
        if self._javascript and self.page.url.startswith("http"):
            self.violations += self.page.evaluate(_TAKE)

    def _hear(self, kind: str, text: str) -> None:
        is_status = re.match(r"Failed to load resource: the server responded with a status of [345]", text)
        if kind == "error" and not is_status:
            self.problems.append(text)

    def _keep(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if response.request.resource_type in ("document", "xhr", "fetch") and kind.startswith(
            ("text/", "application/j")
        ):
            self._bodies.append((response.url, _body(response)))


def _body(response: Response) -> str:
    if 300 <= response.status < 400:
        return ""
    try:
        return response.text()
    except Exception:  # noqa: BLE001  the page has gone on; what it showed is checked where the test looks
        return ""


def submit_provider(visitor: Visitor, place: World, name: str, workflow_id: str = WORKFLOW_ID) -> Page:
    """Fill the form of a new provider, and press its button."""
    page = visitor.open("/console/providers/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("API token").fill(API_TOKEN)
    page.get_by_label("Workflow id").fill(workflow_id)
    page.get_by_text("Advanced").click()
    page.get_by_label("Base URL").fill(place.simulator.api_url)
    page.get_by_role("button", name="Test and create").click()
    return page
