"""No page occupies every thread: views that call Onfido or a directory, or send a file, are counted like API calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from connector.api.middleware import shares
from connector.api.middleware.shares import LASTING, Lasting
from connector.domain.tenancy import Tenant
from connector.pages import applications
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console
from tests.values import GIVEN_NAME

pytestmark = pytest.mark.one_database

# Every view that calls Onfido, a directory or an application's endpoint in its request.
CALLING = {
    "console.deliveries.remove_endpoint",
    "console.deliveries.test_endpoint",
    *(f"console.providers.{name}" for name in ("check", "create", "delete", "save_general", "replace_secrets")),
    *(f"console.providers.{name}" for name in ("register_webhook", "remove_webhook", "set_webhook_token")),
    "console.reviews.show_pictures",
    "console.settings.show_checks",
    *(f"console.users.{name}" for name in ("show", "show_values", "correct")),
    *(f"console.verification.{name}" for name in ("show_tasks", "refresh", "create_timeline", "show_timeline")),
    *(f"verify.{name}" for name in ("show", "start", "come_back")),
}
SENDING = {
    *(f"console.verification.{name}" for name in ("get_evidence", "get_evidence_folder", "get_timeline")),
    *("console.reviews.get_picture", "console.jobs.download", "console.audit.export"),
}


def test_every_slow_view_is_counted_in_a_share(world: World) -> None:
    _, pages = applications(world.connector.app)
    views = pages.view_functions
    kinds = {
        name: getattr(view, LASTING, None) for name, view in views.items() if name.startswith(("console.", "verify."))
    }
    assert {name for name, kind in kinds.items() if kind is Lasting.ONFIDO} == CALLING
    assert {name for name, kind in kinds.items() if kind is Lasting.DOWNLOAD} == SENDING


@pytest.fixture
def limited(world: World) -> Iterator[World]:
    """A connector with four threads for the API and four for the console, whose callers are limited to their shares."""
    shares.install(world.connector.app, 4, 4)
    yield world
    del world.connector.app.extensions[shares.EXTENSION]


@contextmanager
def occupied(world: World, path: str, user_id: str, number: int) -> Iterator[None]:
    """Occupy a user's places, as calls in progress do."""
    with world.connector.app.test_request_context(path), ExitStack() as stack:
        from flask import g  # noqa: PLC0415

        g.tenant = Tenant(world.tenant)
        for _ in range(number):
            stack.callback(shares.begin(Lasting.ONFIDO, user_id))
        yield


@pytest.mark.parametrize(("part", "status"), [("", 429), ("/state", 304)])
def test_one_user_of_the_page_cannot_occupy_all_threads(limited: World, part: str, status: int) -> None:
    for user_id in ("ann", "ben"):
        limited.connector.services.users.add(Tenant(limited.tenant), user_id, {GIVEN_NAME: "A"}, "tests")
    ann, ben = Console(limited, "ann", ()), Console(limited, "ben", ())
    path = f"/verify/{limited.provider_id}{part}"
    assert ann.get(path).ok
    with occupied(limited, path, "ann", 1):
        answer = ann.get(path)
        assert answer.status_code == status
        assert ben.get(path).ok
    assert ann.get(path).ok
    assert status == 304 or answer.headers["Retry-After"]


def test_one_administrator_cannot_occupy_all_threads(limited: World) -> None:
    bob, eve = Console(limited, "bob", ALL_SCOPES), Console(limited, "eve", ALL_SCOPES)
    path = f"/console/providers/{limited.provider_id}/setup/check"
    with occupied(limited, path, "bob", 2):
        assert bob.post_anyhow(path).status_code == 429
        assert eve.get("/console/settings/connections").status_code in (200, 403)
        assert bob.get("/console/providers").status_code == 200, "quick calls are not counted"
        assert limited.connector.as_admin().get("/api/server/v1/idv-providers").status_code == 200
    assert bob.post_anyhow(path).status_code == 200
