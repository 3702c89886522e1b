"""The description of a browser, from its `User-Agent`, which anyone can write."""

from __future__ import annotations

import pytest

from connector.domain.browsers import describe_browser

WEBKIT, GECKO = "AppleWebKit/537.36 (KHTML, like Gecko)", "Gecko/20100101"
WINDOWS, MAC = "(Windows NT 10.0; Win64; x64)", "(Macintosh; Intel Mac OS X 10_15_7)"
PHONE = "(iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "described"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) {GECKO} Firefox/140.0", "Firefox on Linux"),
        (f"Mozilla/5.0 {WINDOWS} {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 {WINDOWS} {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 {MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari on macOS"),
        (f"Mozilla/5.0 {PHONE} CriOS/140.0 Mobile/15E148 Safari/604.1", "Chrome on iOS"),
        (f"Mozilla/5.0 {PHONE} FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "Firefox on iOS"),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0",
            "Samsung Internet on Android",
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"Mozilla/5.0 {MAC} {WEBKIT} Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0", "Opera on macOS"),
        ("Mozilla/5.0 (Windows NT 10.0) Somebrowser/1.0", "Windows"),
        ("python-requests/2.32", None),
        ("", None),
        ("<script>alert(1)</script>", None),
        (f"{'x' * 5000} Firefox/140.0", None),
    ],
)
def test_a_browser_is_described_in_words_of_our_own(user_agent: str, described: str | None) -> None:
    assert describe_browser(user_agent) == described
