"""Which addresses others can reach."""

from __future__ import annotations

import ipaddress
import socket
from types import SimpleNamespace

import psutil
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


def _card(*addresses: tuple[socket.AddressFamily, str]) -> list[SimpleNamespace]:
    return [SimpleNamespace(family=family, address=address) for family, address in addresses]


def test_the_own_address_is_one_that_others_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first IPv4 address that is no loopback, behind whatever else a card has; loopback where there is none."""
    loop = _card((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    wire = _card((socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "192.0.2.7"), (socket.AF_INET, "192.0.2.8"))
    found = {"lo": loop, "eth0": wire, "eth1": _card((socket.AF_INET, "198.51.100.9"))}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    assert own_address() == "192.0.2.7"
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"lo": loop, "eth0": wire[:1]})
    assert own_address() == "127.0.0.1"
