"""The limits on the long calls of a user, of a tenant and of all callers, by the server's number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, Response, g

from connector.access.tokens import Principal
from connector.api.middleware import shares
from connector.api.middleware.shares import Lasting, Shares, lasts
from connector.domain.tenancy import Tenant, TenantLimits
from connector.errors import TooManyRequests

UNLIMITED = TenantLimits()


def takes(
    shares: Shares,
    kind: Lasting = Lasting.ONFIDO,
    tenant: str = "acme",
    user_id: str | None = None,
    limits: TenantLimits = UNLIMITED,
) -> int:
    """Occupy places until there is none; return how many there were."""
    for number in range(1_000):
        try:
            shares.take(kind, Tenant(tenant, limits=limits), user_id)
        except TooManyRequests:
            return number
    raise AssertionError


@pytest.mark.parametrize(
    ("limits", "of_tenant", "of_user"),
    [
        (TenantLimits(), 9, 4),
        (TenantLimits(calls=2), 2, 2),
        (TenantLimits(calls=100, calls_of_a_user=100), 9, 4),
        (TenantLimits(calls_of_a_user=1), 9, 1),
    ],
)
def test_a_tenants_limit_may_be_below_its_share(limits: TenantLimits, of_tenant: int, of_user: int) -> None:
    assert takes(Shares(16), limits=limits) == of_tenant
    assert takes(Shares(16), user_id="ann", limits=limits) == of_user


@pytest.mark.parametrize(
    ("threads", "user", "tenant", "everybody", "downloads"),
    [(1, 1, 1, 1, 1), (2, 1, 1, 1, 1), (4, 1, 2, 3, 2), (8, 2, 5, 6, 4), (16, 4, 9, 12, 8)],
)
def test_shares_are_derived_from_the_number_of_threads(
    threads: int, user: int, tenant: int, everybody: int, downloads: int
) -> None:
    assert takes(Shares(threads), user_id="ann") == user
    assert takes(Shares(threads)) == tenant
    many = Shares(threads)
    assert sum(takes(many, tenant=f"tenant-{number}") for number in range(100)) == everybody
    many = Shares(threads)
    assert sum(takes(many, Lasting.DOWNLOAD, f"tenant-{number}") for number in range(100)) == downloads
    assert threads == 1 or everybody < threads, "some threads are left for quick calls"
    assert threads <= 2 or tenant < everybody, "some threads are left for other tenants"


def test_one_user_cannot_occupy_the_threads_of_others() -> None:
    shares = Shares(8)
    assert [takes(shares, user_id="ann"), takes(shares, user_id="ben")] == [2, 2]
    assert takes(shares, tenant="other", user_id="ann") == 2, "another tenant's ann is another user"


def test_a_refused_call_takes_no_place() -> None:
    shares = Shares(8)
    assert takes(shares, user_id="ann") == 2
    for _ in range(100):
        assert takes(shares, user_id="ann") == 0
    assert takes(shares) == 3


def test_a_place_is_released_when_its_call_ends() -> None:
    shares = Shares(8)
    for _ in range(100):
        ends = [shares.take(Lasting.DOWNLOAD, Tenant("acme"), "ann") for _ in range(2)]
        assert takes(shares, user_id="ann") == 0
        for end in ends:
            end()
    assert takes(shares, user_id="ann") == 2


def test_places_are_counted_correctly_by_many_threads() -> None:
    shares = Shares(8)

    def use(number: int) -> None:
        for _ in range(500):
            try:
                end = shares.take(Lasting.ONFIDO, Tenant(f"tenant-{number % 3}"), f"user-{number}")
            except TooManyRequests:
                continue
            end()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert takes(shares) == 5


@pytest.fixture
def app() -> Flask:
    made = Flask(__name__, root_path=".")
    shares.install(made, 4)  # one call for each user
    return made


@pytest.fixture
def calling(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        g.tenant, g.principal = Tenant("acme"), Principal("ann", "", frozenset(), "acme", "")
        yield


@pytest.mark.usefixtures("calling")
def test_a_failing_view_releases_its_place() -> None:
    def fail() -> None:
        raise LookupError

    view = lasts(Lasting.ONFIDO, fail, is_callers_own=True)
    for _ in range(3):
        with pytest.raises(LookupError):
            view()


@pytest.mark.usefixtures("calling")
def test_a_download_holds_its_place_until_it_is_closed() -> None:
    def answer() -> Response:
        return Response(iter(["a"]))

    view = lasts(Lasting.DOWNLOAD, answer, is_callers_own=True)
    first = view()
    with pytest.raises(TooManyRequests) as caught:
        view()
    assert caught.value.retry_after > 0
    first.close()
    view().close()


def test_calls_are_unlimited_if_no_shares_are_configured() -> None:
    app, barrier = Flask(__name__, root_path="."), threading.Barrier(20)

    def meet() -> None:
        barrier.wait(30)

    view = lasts(Lasting.ONFIDO, meet, is_callers_own=False)

    def call(_: int) -> None:
        with app.test_request_context():
            view()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(call, range(20)))
