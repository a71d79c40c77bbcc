"""The estimate from processor time, where no meter counts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from qexplorer.run.protocol import Availability

__all__ = ["ENTRIES", "WATTS_PER_CPU", "EstimateMeter", "watts_per_cpu"]

WATTS_PER_CPU = 3.3
"""Watts above idle that one fully used logical processor draws, where nobody says otherwise.

Mean of Skylake (4.05 - 0.64) and Cascade Lake (3.80 - 0.64) server processors, from SPECpower_ssj2008 results as the
Cloud Carbon Footprint coefficients put them per logical processor. AMD's Milan comes to 1.4, a laptop core to 3-10: it
can be wrong by a factor of three either way. ``QEXPLORER_WATTS_PER_CPU`` replaces it.
"""


@dataclass(frozen=True, slots=True)
class EstimateMeter:
    """No meter: processor seconds times watts. Always available, always marked as an estimate."""

    name: str = "estimate"
    device: str = "cpu"
    rank: int = 1000
    update_s: float = 0.0

    def availability(self) -> Availability:
        """Always available; the reason says what it rests on."""
        return Availability(
            True, f"processor seconds x {watts_per_cpu():g} W, an assumption (QEXPLORER_WATTS_PER_CPU sets it)"
        )

    def read_joules(self) -> float | None:
        """None: not a counter."""
        return None


def watts_per_cpu() -> float:
    """Watts above idle of one busy logical processor: ``QEXPLORER_WATTS_PER_CPU``, or :data:`WATTS_PER_CPU`."""
    try:
        given = float(os.environ.get("QEXPLORER_WATTS_PER_CPU", ""))
    except ValueError:
        return WATTS_PER_CPU
    return given if 0 < given < 1000 else WATTS_PER_CPU


ENTRIES = (EstimateMeter(),)
