"""The sources of issuers' keys: the trusted certificates of each, and the defences against hostile issuers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet
from structlog.testing import capture_logs

from connector.access.issuer_keys import IssuerKeys, KeysUnavailableError
from connector.errors import ConfigurationError
from connector.settings import Issuer
from tests.http.peers import Exchange, Peer, answering, make_certificate
from tests.waiting import wait_until

KEYS = json.dumps(KeySet([ECKey.generate_key("P-256", {"kid": "one"})]).as_dict()).encode()


def keys_of(peer: Peer, ca_file: Path | str = "") -> IssuerKeys:
    url = peer.url.partition("?")[0]
    return IssuerKeys(Issuer(url, "connector", jwks_uri=url, ca_file=str(ca_file)))


def test_an_issuer_is_verified_only_with_its_own_ca_file(tmp_path: Path) -> None:
    (whole, alone), (other_whole, other_alone) = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    with Peer(answering(KEYS), whole) as peer, Peer(answering(KEYS), other_whole) as other:
        assert keys_of(peer, alone).find("one").keys[0].kid == "one"
        assert keys_of(other, other_alone).find("one").keys[0].kid == "one"
        for keys in (keys_of(peer), keys_of(peer, other_alone), keys_of(other, alone)):
            with pytest.raises(KeysUnavailableError):
                keys.find("one")


def test_a_missing_ca_file_is_named_at_startup(tmp_path: Path) -> None:
    issuer = Issuer("https://idp.example.com", "connector", ca_file=str(tmp_path / "gone.pem"))
    with pytest.raises(ConfigurationError, match=r"gone\.pem cannot be read: No such file"):
        IssuerKeys(issuer)


def test_a_slow_redirect_of_an_issuer_is_not_followed_and_blocks_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login ann password lying-around\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Peer(answering(KEYS)) as elsewhere:

        def redirect(exchange: Exchange) -> None:
            exchange.send(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}\r\nContent-Length: 9999\r\n\r\n".encode())
            exchange.drip(b"x")

        with Peer(redirect) as peer, capture_logs() as logs:
            with pytest.raises(KeysUnavailableError):
                keys_of(peer).find("one")
            wait_until(lambda: logs)
        assert logs[0]["reason"].endswith("answered HTTP 302"), "its body is not even read"
        assert elsewhere.heads == []
    assert b"authorization" not in peer.heads[0].lower()


def test_an_issuer_that_sends_its_keys_too_slowly_times_out() -> None:
    def drip(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n\r\n" + KEYS[:10])
        exchange.drip(b" ")

    with Peer(drip) as peer, pytest.raises(KeysUnavailableError):  # though the peer never ends
        keys_of(peer).find("one")
