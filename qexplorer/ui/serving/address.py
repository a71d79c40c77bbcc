"""Which address the app answers on, and who can therefore reach it."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import streamlit as st
from streamlit import net_util

from qexplorer.machine.addresses import own_address, reaches_others

__all__ = ["ask_nobody", "draw_open_warning"]


def ask_nobody() -> None:
    """Answers Streamlit's question what this machine is called elsewhere, for which it would ask strangers.

    When a page of another origin tries to connect, Streamlit 1.67 compares that with the machine's addresses, and
    finds these out by a UDP socket to 8.8.8.8 and by HTTP from checkip.amazonaws.com. No setting keeps it from that.
    """
    asked: Any = net_util
    asked.get_internal_ip, asked.get_external_ip = own_address, _unknown


def draw_open_warning() -> None:
    """Says on the page, and once in the log, that others can reach an app that was started for one person."""
    address = str(st.get_option("server.address") or "")
    if not reaches_others(address):
        return
    _log_once(address)
    st.warning(
        f"This app answers on {address or 'every address of this machine'}, and was started for one person: whoever "
        "can reach it can read files of this machine through it. For others start it with `qexplorer app --shared`; "
        "for yourself, on 127.0.0.1.",
        icon=":material/lock_open:",
    )


@cache
def _log_once(address: str) -> None:
    logging.getLogger("qexplorer").warning(
        "the app answers on '%s' without --shared: whoever can reach it can read files of this machine", address
    )


def _unknown() -> None:
    return None
