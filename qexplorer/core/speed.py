"""What may be said of a difference in speed: one rule for every table, sentence, chart and file.

What survives a busy machine is the ratio of two models that ran in turns: whatever slows the machine down for a while
slows both. It is told with its interval whatever the load, and left out only where the interval says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MUCH", "Change", "Speedup"]

MUCH = 1.25
"""An interval that reaches this many times beyond 1 on both sides says nothing: much slower and much faster alike."""


class Change(StrEnum):
    """What can be said of a difference to float, given its interval.

    ``none``: none was seen, and none that matters could hide. ``unsure``: none was seen, but one that matters could
    hide. ``unknown``: nothing was measured that tells.
    """

    BETTER = "better"
    NONE = "none"
    UNSURE = "unsure"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Speedup:
    """How many times faster one is than another that it ran in turns with.

    Attributes:
        ratio: the other's time over its own; None if it was not measured.
        ci95: the interval of that; None where there were too few rounds, and then nothing is said.
        doubt: where it was measured, in words, if that was not quiet: ``on a busy machine``.
    """

    ratio: float | None
    ci95: tuple[float, float] | None
    doubt: str | None = None

    @property
    def change(self) -> Change:
        """Faster, slower, or no difference that was seen."""
        if self.ci95 is None:
            return Change.UNKNOWN
        low, high = self.ci95
        if low > 1:
            return Change.BETTER
        return Change.WORSE if high < 1 else Change.NONE

    @property
    def shown(self) -> float | None:
        """The ratio, where its interval says anything; else None."""
        if self.ci95 is None or (self.ci95[0] < 1 / MUCH and self.ci95[1] > MUCH):
            return None
        return self.ratio

    def over(self, other: Speedup) -> bool:
        """Whether this is surely faster than ``other``, both against the same third."""
        return self.ci95 is not None and other.ci95 is not None and self.ci95[0] > other.ci95[1]

    def turned(self) -> Speedup:
        """The other against this one."""
        ends = None if self.ci95 is None else (1 / self.ci95[1], 1 / self.ci95[0])
        return Speedup(None if self.ratio is None else 1 / self.ratio, ends, self.doubt)

    def text(self, than: str = "", seen: str = "could be seen") -> str:
        """``2 times faster (1.90 to 2.10)``, ``1.3 to 2.1 times faster, on a busy machine``, or that none was seen.

        Args:
            than: what stands behind the comparative, such as ``than float``.
            seen: how no difference ends, such as ``900 calls could show``.

        Returns:
            Nothing where there is no interval.
        """
        if self.ci95 is None or self.ratio is None:
            return "" if self.ci95 is None else self._none(seen)
        if self.change is Change.NONE:
            return self._none(seen)
        told, word = (self, "faster") if self.change is Change.BETTER else (self.turned(), "slower")
        assert told.ci95 is not None
        low, high = told.ci95
        behind = f" {than}" if than else ""
        if self.doubt is None:
            return f"{told.ratio:.2f} times {word}{behind} ({low:.2f} to {high:.2f})"
        return f"{_times(low, high)} times {word}{behind}, {self.doubt}"

    def _none(self, seen: str) -> str:
        assert self.ci95 is not None
        low, high = self.ci95
        doubt = "" if self.doubt is None else f", {self.doubt}"
        return f"no difference in speed that {seen}, {low:.2f} to {high:.2f} times as fast{doubt}"


def _times(low: float, high: float) -> str:
    """``1.3 to 2.0``, and whole numbers from 10 on; ends that read alike get one digit more."""
    texts = [f"{end:,.0f}" if end >= 10 else f"{end:.1f}" for end in (low, high)]
    if texts[0] == texts[1]:
        texts = [f"{low:.2f}", f"{high:.2f}"]
    return " to ".join(dict.fromkeys(texts))
