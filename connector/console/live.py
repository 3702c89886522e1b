"""Parts of a page that follow changes by polling while the tab is visible.

{% call live(url_for(".show_state", run_id=run.id), version, seconds=3) %} … {% endcall %}

The part's view is declared with `is_polled=True`: polling is not use by a person, so the session still becomes idle.
The view answers 304 while its version is unchanged, which costs one small query.
"""

from __future__ import annotations

from flask import Response, render_template, request

from connector.console.confirm import is_part_wanted

STOP_POLLING = 286  # htmx's


def live_part(template: str, version: str, *, is_final: bool = False, **context: object) -> Response:
    """Return a part, or 304 if the page already has this version; a final part is not polled again."""
    headers = {"ETag": etag(version)}  # of a 304 as well: the page sends what the last answer had
    if request.if_none_match.contains_weak(version) and not is_final:
        return Response(status=304, headers=headers)
    response = Response(render_template(template, version=version, **context), headers=headers)
    if is_final:
        response.status_code = STOP_POLLING
    return response


def part(template: str, title: str, back: str, **context: object) -> str:
    """Return a part that a page loads later; without JavaScript, a complete page."""
    if is_part_wanted():
        return render_template(template, **context)
    return render_template("console/part_page.html", part=template, title=title, back=back, **context)


def etag(version: str) -> str:
    """Return a version as an entity tag."""
    return f'"{version}"'
