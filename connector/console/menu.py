"""The menu: an entry for each installed story that the person may see."""

from __future__ import annotations

from collections.abc import Iterator

from flask import current_app, request, url_for
from flask_babel import lazy_gettext as _l

from connector.access.gate import REQUIRED_SCOPE
from connector.console.viewer import Viewer
from connector.domain.frozen import frozen


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
    count: int = 0


def menu_of(viewer: Viewer) -> list[Line]:
    """Return the menu of a person."""
    return list(_lines(viewer))


def _lines(viewer: Viewer) -> Iterator[Line]:
    story = (request.blueprint or "").removeprefix("console.")
    here = _BELOW.get(story, story)
    for entry in ENTRIES:
        view = current_app.view_functions.get(entry.endpoint)
        if view is not None and viewer.may(getattr(view, REQUIRED_SCOPE) or ""):
            yield Line(entry, url_for(entry.endpoint), entry.story == here)
