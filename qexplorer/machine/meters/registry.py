"""All meters, found by reading this folder; to add one, see ``protocol.py``."""

from __future__ import annotations

from qexplorer.core.registry import Registry
from qexplorer.machine.meters.protocol import Meter

__all__ = ["METERS", "best_meter"]

METERS: Registry[Meter] = Registry("power meter", home="qexplorer.machine.meters", order=lambda meter: meter.rank)


def best_meter(device: str) -> Meter:
    """The first meter that counts the energy of ``device`` here, else the estimate."""
    for meter in METERS:
        if meter.device == device and meter.availability().available:
            return meter
    return METERS.get("estimate")
