"""numba's compiler, which keeps loops beside their source, or in the workspace where that is read-only."""

from __future__ import annotations

import os
from pathlib import Path

import numba
from numba import njit

from qexplorer.core.workspace import host_workspace

__all__ = ["njit"]

if not os.environ.get("NUMBA_CACHE_DIR") and not os.access(Path(__file__).parent, os.W_OK):
    numba.config.CACHE_DIR = str(host_workspace("numba"))  # type: ignore[attr-defined]  # an installed package may be read-only
