"""Which addresses others can reach."""

from __future__ import annotations

import ipaddress

import pytest

from qexplorer.machine.addresses import own_address, reaches_others


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]", "unix:///run/q.sock"])
def test_what_only_this_machine_reaches(address: str) -> None:
    """Loopback addresses of both families and sockets in the file system are this machine's alone."""
    assert not reaches_others(address)


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "a-name.example"])
def test_what_others_may_reach(address: str) -> None:
    """All addresses at once, those of a network, and names, which may mean anything."""
    assert reaches_others(address)


def test_the_own_address_is_one() -> None:
    """It is an IPv4 address, with a network or without."""
    assert ipaddress.ip_address(own_address()).version == 4
