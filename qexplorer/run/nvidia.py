"""Whether this machine has an NVIDIA driver, without loading it: asked on every page."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["NO_DRIVER", "has_driver"]

NO_DRIVER = "this machine has no NVIDIA GPU with a driver"
_NODES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg", "/proc/driver/nvidia/version")
"""Linux, Jetson (two ways), Windows' Linux."""


def has_driver() -> bool:
    """Whether the driver's device or library is there."""
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return any(Path(node).exists() for node in _NODES)
