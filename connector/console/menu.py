"""The menu: an entry for each installed story that the person may see, with the number of tasks that wait in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import structlog
from flask import current_app, g, request, url_for
from flask_babel import lazy_gettext as _l

from connector.access.gate import REQUIRED_SCOPE
from connector.console.ground import use_cases
from connector.console.viewer import Viewer
from connector.domain.deliveries import DEAD, DeliveryFilter
from connector.domain.frozen import frozen
from connector.domain.verifications.verification import VerificationFilter
from connector.services.application.deliveries import Deliveries
from connector.services.lookup.verifications import VerificationLookup

log = structlog.get_logger(__name__)

MOST = 99  # that is counted


@frozen
class Entry:
    """A line of the menu; it leads to the endpoint `console.<story>.show_list`, or another view of the story."""

    story: str
    icon: str
    text: object
    view: str = "show_list"
    is_operation: bool = False

    @property
    def endpoint(self) -> str:
        """The endpoint of the view."""
        return f"console.{self.story}.{self.view}"


ENTRIES = (
    Entry("home", "house", _l("Home"), "show_home"),
    Entry("verifications", "person-check", _l("Verifications")),
    Entry("users", "people", _l("Users")),
    Entry("providers", "plug", _l("Providers")),
    Entry("clients", "box-arrow-in-right", _l("OpenID clients")),
    Entry("events", "inbox", _l("Events received"), is_operation=True),
    Entry("deliveries", "send", _l("Deliveries"), is_operation=True),
    Entry("audit", "journal-text", _l("Audit trail"), is_operation=True),
    Entry("jobs", "hourglass-split", _l("Jobs"), is_operation=True),
    Entry("settings", "sliders", _l("Settings in force"), is_operation=True),
)
# The stories of pages below another story's list.
_BELOW = {"verification": "verifications", "reviews": "verifications"}


@frozen
class Line:
    """An entry as it is shown."""

    entry: Entry
    url: str
    is_here: bool


def menu_of(viewer: Viewer) -> list[Line]:
    """Return the menu of a person."""
    return list(_lines(viewer))


def waiting_counts() -> Mapping[str, str]:
    """Return how many tasks wait in some stories, for their entries; one that cannot be counted is left out."""
    numbers = {story: _number(story, count) for story, (scope, count) in _WAITING.items() if g.viewer.may(scope)}
    return {story: f"{MOST}+" if n > MOST else str(n) for story, n in numbers.items() if n}


def _number(story: str, count: Callable[[], int]) -> int:
    try:
        return count()
    except Exception:  # the page itself is shown
        log.exception("console.part_failed", part=f"menu: {story}")
        return 0


def _open_reviews() -> int:
    lookup: VerificationLookup = use_cases().lookup
    return lookup.count(g.tenant, VerificationFilter(needs_review=True), MOST + 1)


def _dead_deliveries() -> int:
    deliveries: Deliveries = use_cases().deliveries
    return deliveries.count(g.tenant, DeliveryFilter(states=(DEAD,)), MOST + 1)


_WAITING: Mapping[str, tuple[str, Callable[[], int]]] = {
    "verifications": ("internal_idv_claim_view", _open_reviews),
    "deliveries": ("internal_idv_claim_view", _dead_deliveries),
}


def _lines(viewer: Viewer) -> Iterator[Line]:
    story = (request.blueprint or "").removeprefix("console.")
    here = _BELOW.get(story, story)
    for entry in ENTRIES:
        view = current_app.view_functions.get(entry.endpoint)
        if view is not None and viewer.may(getattr(view, REQUIRED_SCOPE) or ""):
            yield Line(entry, url_for(entry.endpoint), entry.story == here)
