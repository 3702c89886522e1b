"""Addresses that an administrator may configure for notices and browsers; base URLs are in `test_provider.py`."""

from __future__ import annotations

import pytest

from connector.domain.urls import UrlPolicy

NOTICES = UrlPolicy({"app.example.com"}, setting="allowed_notice_hosts")
BROWSERS = UrlPolicy(None)


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example.com/notices",
        "https://app.example.com:8443/notices?tenant=a",
        "HTTPS://APP.EXAMPLE.COM/",
        "https://app.example.com",
    ],
)
def test_a_listed_host_is_allowed(address: str) -> None:
    assert NOTICES.objection(address) is None


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "https://app.example.com.evil.example/", "https://xapp.example.com/"]
)
def test_an_unlisted_host_is_named_with_the_setting_for_allowed_hosts(address: str) -> None:
    why = NOTICES.objection(address) or ""

    assert "allowed_notice_hosts" in why
    assert "app.example.com" not in why.replace(address.split("/")[2], "")  # another tenant's


def test_an_empty_list_allows_no_host() -> None:
    why = UrlPolicy((), setting="allowed_notice_hosts").objection("https://app.example.com/") or ""

    assert why.endswith("not app.example.com")


def test_browsers_may_be_redirected_to_any_https_host() -> None:
    assert BROWSERS.objection("https://anywhere.example/done?run=1&x=%20") is None
    assert BROWSERS.objection("http://anywhere.example/done") == "must start with https://"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/done",
        "https:///done",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://app.example.com/",
        "https://app.example.com/#done",
        "https://app.example.com/a b",
        "https://app.example.com\\@evil.example/",
        "https://user@app.example.com/",
        "https://user:password@app.example.com/",
        "https://app.example.com:port/",
        "https://app.example.com:99999/",
        "https://app.example.com/\n",
        "https://app.example.com/\0",
        "https://[::1/",
    ],
)
@pytest.mark.parametrize("policy", [NOTICES, BROWSERS])
def test_an_invalid_web_address_is_refused(policy: UrlPolicy, address: str) -> None:
    assert policy.objection(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_plain_http_is_allowed_only_for_loopback_and_development(host: str) -> None:
    address = f"http://{host}:8080/notices"

    assert UrlPolicy((), allows_http_loopback=True).objection(address) is None
    assert UrlPolicy(None, allows_http_loopback=True).objection("http://10.0.0.1/")
    assert NOTICES.objection(address) == "must start with https://"


def test_a_query_is_refused_if_it_is_not_allowed() -> None:
    assert UrlPolicy(None, allows_query=False).objection("https://app.example.com/?")
