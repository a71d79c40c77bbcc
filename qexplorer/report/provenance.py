"""What a saved chart says about itself: by what, where and when it was made."""

from __future__ import annotations

import datetime
import platform
from functools import lru_cache

import qexplorer
from qexplorer.machine.cpu import cpu_model

__all__ = ["made_by"]


def made_by(day: datetime.date | None = None) -> str:
    """``qexplorer 0.1.0 on <processor>, Linux, 2026-05-04``; the day is today in UTC, unless given."""
    when = day or datetime.datetime.now(datetime.UTC).date()
    return f"qexplorer {qexplorer.__version__} on {_machine()}, {when.isoformat()}"


@lru_cache(maxsize=1)
def _machine() -> str:
    return f"{cpu_model()}, {platform.system()}"
