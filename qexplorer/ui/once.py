"""What was made or drawn for a page before is given or sent again, and not made again.

A page is drawn anew at every touch of a control, and most of it is what it was: tables, charts and sentences of a
comparison that no longer changes. Streamlit keeps the messages that a cached function sends to the browser and sends
them again; making them is nine tenths of what they cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import streamlit as st

from qexplorer.core.workspace import workspace

__all__ = ["once"]

T = TypeVar("T")

_MOST = 256  # of all sessions


def once(key: str, make: Callable[[], T]) -> T:
    """What ``make`` gives, and draws what it draws; asked again, the same without calling it.

    Args:
        key: stands for everything that ``make`` reads in this workspace: a digest, or a name of what never changes.
        make: draws no controls; what it gives is given out again, so nobody may change it. What raises is not kept.
    """
    return cast("T", _kept(home=str(workspace()), key=key, _make=make))  # by name: Streamlit finds names out slowly


@st.cache_resource(max_entries=_MOST, show_spinner=False)
def _kept(home: str, key: str, _make: Callable[[], Any]) -> Any:  # noqa: ARG001 - home and key tell them apart
    return _make()
