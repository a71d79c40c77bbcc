"""The machine as a benchmark's results tell it: what it is, and whether others were at work on it."""

from __future__ import annotations

import os
from typing import Any

from qexplorer.machine.description import describe_machine

__all__ = ["machine_now"]

_QUIET = 0.5  # load average of the last minute


def machine_now() -> dict[str, Any]:
    """Asked in front of the work, which would count itself: ``busy`` says that times are not fit to be quoted."""
    load = os.getloadavg()[0]
    return describe_machine().to_json() | {"load_average_1min": round(load, 2), "busy": load > _QUIET}
