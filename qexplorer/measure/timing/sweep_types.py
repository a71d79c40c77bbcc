"""What a sweep over batch sizes and threads found, and which cell of it one would take."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.wire import Wire

__all__ = ["Cell", "Sweep"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One variant at one batch size on a number of threads. Milliseconds are of one call, so of a whole batch.

    Attributes:
        digest: the variant.
        batch: samples in one call.
        threads: threads of one operator.
        p50_ms: median; None where it was not timed.
        p90_ms: 90th percentile; None below 36 calls.
        worst_ms: the longest call.
        per_s: samples a second at the median call.
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

        Cells that are too noisy are left out. None if no cell keeps it.
        """
        fit = [
            cell
            for cell in self.cells
            if cell.valid and cell.keeps(limit_ms) and (digest is None or cell.digest == digest)
        ]
        return max(fit, key=lambda cell: cell.per_s or 0.0, default=None)

    @property
    def latencies_ms(self) -> tuple[float, ...]:
        """Every latency that can be promised, ascending."""
        return tuple(sorted(cell.promised_ms for cell in self.cells if cell.promised_ms is not None))
