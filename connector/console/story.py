"""A story of the console: its pages and actions, each with the scope that it requires.

providers = Story("providers")

@providers.page("/<provider_id>/setup", scope="internal_idvp_view")      GET   /console/providers/…/setup
@providers.action("/<provider_id>/disable", scope="internal_idvp_update")   POST, only from the console's forms

The wrappers make sure that the person is signed in and has the scope, and that a post comes from the console.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import Blueprint, current_app, g, request
from werkzeug.wrappers import Response

from connector.access.gate import REQUIRED_SCOPE
from connector.api.middleware.shares import LASTING, Lasting, lasts
from connector.console.forms import SHOWN_AGAIN
from connector.console.viewer import POLLED, current_viewer

log = structlog.get_logger(__name__)

View = TypeVar("View", bound=Callable[..., Any])


class SignedOut(Exception):  # noqa: N818  it is a state, not a defect
    """The person is not signed in, or no longer."""


class ScopeMissing(Exception):  # noqa: N818  it is a state, not a defect
    """The person is signed in, but may not do this."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class Story(Blueprint):
    """The pages and actions of one story, under `/console/<name>`; `path` is "" for the first page of all."""

    def __init__(self, name: str, path: str | None = None) -> None:
        prefix = f"/{name}" if path is None else path
        super().__init__(name, __name__, url_prefix=prefix or None)

    def page(
        self, rule: str = "", *, scope: str | None, lasting: Lasting | None = None, is_polled: bool = False
    ) -> Callable[[View], View]:
        """Declare a page for people who have the scope; `lasting` if it calls others, or sends a file.

        `is_polled`: it is a live part, which an open page requests by itself: this does not keep a session from
        being idle.
        """
        return self._view(rule, scope, lasting, "GET", **{POLLED: is_polled})

    def action(
        self, rule: str, *, scope: str | None, lasting: Lasting | None = None, is_shown_again: bool = False
    ) -> Callable[[View], View]:
        """Declare the target of a form, for people who have the scope.

        `is_shown_again`: if its `Form` is not valid, or its button `do` is `show`, it does nothing but show the form.
        """
        return self._view(rule, scope, lasting, "POST", **{SHOWN_AGAIN: is_shown_again})

    def form(
        self, rule: str, *, scope: str | None, lasting: Lasting | None = None, is_shown_again: bool = True
    ) -> Callable[[View], View]:
        """Declare a page with a `Form` that is posted to its own address, and shown again if it is not valid."""
        return self._view(rule, scope, lasting, "GET", "POST", **{SHOWN_AGAIN: is_shown_again})

    def _view(
        self, rule: str, scope: str | None, lasting: Lasting | None, *methods: str, **marks: bool
    ) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            counted = lasts(lasting, view, is_callers_own=True) if lasting else view

            @functools.wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Response | str:
                admit(scope)
                answer: Response | str = counted(*args, **kwargs)
                return answer

            vars(guarded).update({REQUIRED_SCOPE: scope, LASTING: lasting, **marks})
            self.add_url_rule(rule, view.__name__, guarded, methods=list(methods))
            return view

        return decorate


def admit(scope: str | None) -> None:
    """Admit a request and set `g.viewer` and `g.principal` to the person who makes it.

    Raises `SignedOut`, `ScopeMissing`, or an error if a post does not come from one of the console's pages.
    """
    viewer = current_viewer()
    if viewer is None:
        raise SignedOut
    g.principal = viewer.principal
    if request.method == "POST":
        current_app.extensions["csrf"].protect()
    if scope is not None and not viewer.may(scope):
        raise ScopeMissing(scope)
