"""No two tests, nor two servers of one test, get the same port."""

from __future__ import annotations

from tests.ports import CANDIDATES, free_port


def test_a_port_is_given_out_once() -> None:
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == len(ports)
    assert set(ports) < set(CANDIDATES)
