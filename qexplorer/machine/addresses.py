"""Addresses in a network, told by this machine alone: nobody else is asked."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["own_address", "reaches_others"]


def own_address() -> str:
    """An IPv4 address of this machine in its own network, as its system knows it; 127.0.0.1 if it has none."""
    import psutil

    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family == socket.AF_INET and not ipaddress.ip_address(each.address).is_loopback:
                return str(each.address)
    return "127.0.0.1"


def reaches_others(address: str) -> bool:
    """Whether what listens on ``address`` can be reached from other machines; an empty one stands for all."""
    if address.startswith("unix:") or address == "localhost":
        return False
    try:
        return not ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:  # none, or a name that may be anything
        return True
