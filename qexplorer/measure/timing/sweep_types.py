"""What a sweep over batch sizes and threads found, and which cell of it one would take."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.results import Interval
from qexplorer.core.wire import Wire

__all__ = ["Cell", "Sweep"]


@dataclass(frozen=True, slots=True)
class Cell(Wire):
    """One variant at one batch size on a number of threads. Milliseconds are of one call, so of a whole batch.

    Attributes:
        digest: the variant.
        batch: samples in one call.
        threads: threads of one operator.
        p50_ms: median; None where it was not timed.
        p90_ms: 90th percentile; None below 36 calls.
        worst_ms: the longest call.
        per_s: samples a second at the median call.
        per_s_ci95: its interval, from the rounds, with what one loading hides.
        n: timed calls.
        valid: whether the machine was quiet enough.
        reason: why there are no numbers, or what is wrong with them.
    """

    digest: str
    batch: int
    threads: int
    p50_ms: float | None = None
    p90_ms: float | None = None
    worst_ms: float | None = None
    per_s: float | None = None
    n: int = 0
    valid: bool = False
    reason: str | None = None
    per_s_ci95: Interval | None = None

    @property
    def promised_ms(self) -> float | None:
        """The latency that can be promised: 90 of 100 calls keep it; with too few calls, the longest of them."""
        return self.worst_ms if self.p90_ms is None else self.p90_ms

    def keeps(self, limit_ms: float) -> bool:
        """Whether the latency that can be promised is within ``limit_ms``."""
        return self.promised_ms is not None and self.promised_ms <= limit_ms


@dataclass(frozen=True, slots=True)
class Sweep(Wire):
    """Cells of float and quantized variants on one backend.

    Attributes:
        model: the model's name.
        backend: where it ran.
        created: moment it was finished, ISO 8601, UTC.
        cpu: the processor's name.
        effort: how long each cell was timed.
        variants: digest and name of each variant, float first.
        batches: batch sizes, ascending.
        threads: numbers of threads, ascending.
        cells: what was found, one for each variant, batch and number of threads.
        load: what other programs took of the processors meanwhile.
    """

    model: str
    backend: str
    created: str
    cpu: str
    effort: str
    variants: tuple[tuple[str, str], ...]
    batches: tuple[int, ...]
    threads: tuple[int, ...]
    cells: tuple[Cell, ...]
    load: str | None = None

    def name(self, digest: str) -> str:
        """What to call a variant."""
        return dict(self.variants).get(digest, digest)

    def of(self, digest: str) -> tuple[Cell, ...]:
        """One variant's cells."""
        return tuple(cell for cell in self.cells if cell.digest == digest)

    def sweet_spot(self, limit_ms: float, digest: str | None = None) -> Cell | None:
        """The cell with the highest throughput whose latency keeps ``limit_ms``; of one variant, or of all.

        Noisy cells count only where no other keeps it. None if no cell does.
        """
        fit = [cell for cell in self.cells if cell.keeps(limit_ms) and (digest is None or cell.digest == digest)]
        quiet = [cell for cell in fit if cell.valid]
        return max(quiet or fit, key=lambda cell: cell.per_s or 0.0, default=None)

    def winner(self, limit_ms: float) -> Cell | None:
        """The sweet spot that is surely ahead of every other variant's: their intervals part. None if none is."""
        spots = [spot for digest, _ in self.variants if (spot := self.sweet_spot(limit_ms, digest)) is not None]
        first = max(spots, key=lambda cell: cell.per_s or 0.0, default=None)
        if first is None or first.per_s_ci95 is None:
            return None
        highs = [spot.per_s_ci95[1] if spot.per_s_ci95 else float("inf") for spot in spots if spot is not first]
        return first if all(first.per_s_ci95[0] > high for high in highs) else None

    @property
    def latencies_ms(self) -> tuple[float, ...]:
        """Every latency that can be promised, ascending."""
        return tuple(sorted(cell.promised_ms for cell in self.cells if cell.promised_ms is not None))
