"""Where work stands in the line, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Waiting", "duration"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work that waits for the machine.

    Attributes:
        place: 1 for what goes next.
        seconds: until its turn, about; None while nobody can know.
    """

    place: int
    seconds: float | None = None

    @property
    def sentence(self) -> str:
        """``waiting for the machine: 3rd in line, about 40 s``."""
        place = "next" if self.place == 1 else _ordinal(self.place)
        left = "" if self.seconds is None else f", about {duration(max(self.seconds, 1.0))}"
        return f"waiting for the machine: {place} in line{left}"


def duration(seconds: float) -> str:
    """``12 s`` or ``3 min``, no finer than anybody can foretell."""
    if seconds < 20:
        return f"{seconds:.0f} s"
    return f"{5 * round(seconds / 5)} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
