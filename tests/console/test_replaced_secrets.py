"""A secret that another person has replaced since the page was opened is not replaced again, nor its overlap ended."""

from __future__ import annotations

import html

import pytest
import requests
from sqlalchemy import select

from connector.store.models import notice_endpoints, openid_clients, providers
from tests.bodies import API_TOKEN
from tests.console.test_every_page import sign_in
from tests.contract.wire import ALL_SCOPES, ENDPOINTS
from tests.harness import World
from tests.oidc.relying_party import register
from tests.plans.browsing import Console
from tests.plans.forms import filled, forms_of

pytestmark = pytest.mark.one_database

NOTICE_SECRET = "whsec_" + "TWVhbndoaWxlLVNlY3JldHMtMDEyMzQ1Njc4OQ=="
OTHER_SECRET = "whsec_" + "T3RoZXIuLi4uLVNlY3JldHMtMDEyMzQ1Njc4OQ=="


class Opened:
    """A form as a person's browser shows it, to be sent later."""

    def __init__(self, world: World, page: str, action: str) -> None:
        self._http = sign_in(world)
        self._base, self._action = world.connector.url, action
        text = self._http.get(self._base + page, timeout=60).text
        [self._form, *_] = [each for each in forms_of(page, text) if each.action == action]

    def send(self, **changes: str) -> requests.Response:
        return self._http.post(self._base + self._action, data=filled(self._form, changes), timeout=60)


def stored(world: World) -> list[object]:
    """Return all secrets as they are stored."""
    with world.connector.services.database.read() as connection:
        return [
            row for table in (providers, openid_clients, notice_endpoints) for row in connection.execute(select(table))
        ]


@pytest.mark.parametrize(
    ("page", "target", "field", "ann", "bob"),
    [
        ("secrets", "secrets", "api_token", f"{API_TOKEN}-ann", f"{API_TOKEN}-bob"),
        ("secrets", "secrets", "webhook_token", "ann-has-set-this", "bob-would-set-this"),
        ("setup", "setup/webhook-token", "webhook_token", "ann-has-set-this", "bob-would-set-this"),
        ("secrets", "secrets", "notice_secret", NOTICE_SECRET, OTHER_SECRET),
    ],
)
def test_a_secret_that_was_replaced_meanwhile_is_not_overwritten(
    world: World, page: str, target: str, field: str, ann: str, bob: str
) -> None:
    provider = f"/console/providers/{world.provider_id}"
    opened = Opened(world, f"{provider}/{page}", f"{provider}/{target}")
    Console(world, "ann", ALL_SCOPES).submit(f"{provider}/secrets", **{field: ann, "do": "save"})
    before = stored(world)

    answer = opened.send(**{field: bob, "do": "save"})

    assert bob not in answer.text
    assert "since you opened the page" in html.unescape(answer.text)
    assert stored(world) == before
    assert Opened(world, f"{provider}/{page}", f"{provider}/{target}").send(**{field: bob, "do": "save"}).ok
    assert stored(world) != before


def test_a_secret_replaced_meanwhile_keeps_no_other_secret_from_being_replaced(world: World) -> None:
    path = f"/console/providers/{world.provider_id}/secrets"
    opened = Opened(world, path, path)
    Console(world, "ann", ALL_SCOPES).submit(path, notice_secret=NOTICE_SECRET, do="save")

    assert "Replaced." in opened.send(webhook_token="bob-sets-this-instead", do="save").text


def made_endpoint(world: World) -> str:
    body = {"url": "http://127.0.0.1:9/notices", "events": ["verification.finished"]}
    made = world.connector.as_admin().post(ENDPOINTS, body)
    assert made.status_code == 201, made.text
    return f"/console/deliveries/endpoints/{made.json()['id']}/rotate"


@pytest.mark.parametrize("kind", ["client", "endpoint"])
def test_a_secret_is_not_replaced_twice_by_two_people_who_asked_for_it_once(world: World, kind: str) -> None:
    path = made_endpoint(world) if kind == "endpoint" else f"/console/clients/{register(world).client_id}/rotate"
    opened = Opened(world, path, path)
    Console(world, "ann", ALL_SCOPES).submit(path)
    before = stored(world)

    answer = opened.send()

    assert "since you opened the page" in answer.text
    assert stored(world) == before, "otherwise the secret that is still in use would not be valid any more"
    assert Opened(world, path, path).send().ok
    assert stored(world) != before


def test_an_overlap_that_began_since_the_question_was_shown_is_not_ended(world: World) -> None:
    path = f"/console/providers/{world.provider_id}/secrets"
    ann = Console(world, "ann", ALL_SCOPES)
    ann.submit(path, webhook_token="the-second-token-of-the-webhook", do="save")
    opened = Opened(world, f"{path}/overlap", f"{path}/overlap")
    ann.submit(path, webhook_token="the-third-token-of-the-webhook", do="save")
    before = stored(world)

    assert "since you opened the page" in opened.send().text

    assert stored(world) == before
    assert "is refused from now on" in Opened(world, f"{path}/overlap", f"{path}/overlap").send().text
