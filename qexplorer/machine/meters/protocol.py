"""What every meter of energy is and does.

How to add one: a file in this folder with a class that follows :class:`Meter`, and what it brings, at its end::

    ENTRIES = (MyMeter(),)

Nothing else has to be touched. A library that it reads through is imported inside its methods.
"""

from __future__ import annotations

from typing import Protocol

from qexplorer.core.registry import Ranked
from qexplorer.run.protocol import Availability

__all__ = ["Meter"]


class Meter(Ranked, Protocol):
    """Something that counts energy, such as ``rapl``. Of several that count a device here, the first is used."""

    @property
    def device(self) -> str:
        """What it measures: ``cpu`` or ``gpu``."""
        ...

    @property
    def update_s(self) -> float:
        """Seconds between two updates of its counter: a window has to be many times longer."""
        ...

    def availability(self) -> Availability:
        """Whether it can be read here; if not, why, and what enables it."""
        ...

    def read_joules(self) -> float | None:
        """Energy used since some fixed moment, joules, never falling; None if this is no counter."""
        ...
