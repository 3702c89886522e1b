"""Recognition of public addresses, including IPv6 forms that contain an IPv4 address."""

from __future__ import annotations

import pytest

from connector.domain.addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "193.0.6.139",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2600:1f14::200:5efe:808:808",
    ],
)
def test_an_internet_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.31.255.255"),
        *("192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        "255.255.255.255",
        *("::", "::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1"),
        *("2001:db8::1", "2001:10::1", "5f00::1", "4000::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
        *("2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:1::1", "2002:a9fe:a9fe::1"),
        *("2600:1f14::5efe:a00:1", "2600:1f14::200:5efe:a9fe:a9fe", "fe80::5efe:808:808"),
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:a00:1::", "2001:0:808:808::f7f7:f7f7"),
    ],
)
def test_any_other_address_is_not_public(address: str) -> None:
    assert not is_public(address)
