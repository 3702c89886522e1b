"""The search box: an exact id leads to its object; other text lists the users whose ids begin with it."""

from __future__ import annotations

from flask import g, redirect, render_template, request
from werkzeug.wrappers import Response

from connector.console.ground import use_cases
from connector.console.links import event_url, job_url, user_url, verification_url
from connector.console.story import Story
from connector.services.lookup.search import EVENT, JOB, USER, VERIFICATION, Hit, Search
from connector.services.people.users import Users

story = Story("search")

SHOWN = 25  # users whose ids begin with the text
LONGEST = 255
_URLS = {VERIFICATION: verification_url, USER: user_url, EVENT: event_url, JOB: job_url}


@story.page(scope="internal_idv_claim_view")
def find() -> Response | str:
    """Redirect to the object with this id, or show the users whose ids begin with the text."""
    text = request.args.get("q", "").strip()[:LONGEST]
    hit = _find(text)
    if hit is not None:
        return redirect(_URLS[hit.kind](hit.hit_id))
    users: Users = use_cases().users
    page = users.page(g.tenant, limit=SHOWN, prefix=text) if text else None
    return render_template("console/search/found.html", search_text=text, page=page)


def _find(text: str) -> Hit | None:
    search: Search = use_cases().search
    return search.find(g.tenant, text) if text and text.isprintable() else None
