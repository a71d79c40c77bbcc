"""This machine's ceiling: how fast it multiplies in 8-bit integers and in float, and how fast memory feeds it.

Peaks move by a factor of up to two between runs of one machine (other load, clock, where a virtual machine lands), so
they are measured in the same child as the profile that is compared with them. See ``docs/why_not_faster.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qexplorer.core.wire import Wire

__all__ = [
    "Ceiling",
    "best_of",
]

_PEAKS = ("int8_gops", "int8_signed_gops", "fp32_gflops", "memory_gb_per_s", "cache_gb_per_s")


@dataclass(frozen=True, slots=True)
class Ceiling(Wire):
    """The best of several measurements of each limit; an operation is a multiplication or an addition.

    Attributes:
        cpu: the processor's name.
        threads: threads that worked together.
        created: moment it was measured, ISO 8601, UTC.
        int8_gops: giga-operations a second of a product of uint8 and int8 matrices (ONNX Runtime's MatMulInteger).
        int8_signed_gops: the same of int8 and int8.
        fp32_gflops: giga-operations a second of a float32 product (ONNX Runtime's MatMul).
        memory_gb_per_s: gigabytes read and written a second, copying arrays that no cache holds.
        cache_gb_per_s: the same for arrays that fit in a core's own caches.
        n: measurements behind each, by its name.
        missing: why one is None, by its name.
    """

    cpu: str
    threads: int
    created: str
    int8_gops: float | None
    int8_signed_gops: float | None
    fp32_gflops: float | None
    memory_gb_per_s: float | None
    cache_gb_per_s: float | None
    n: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def best_int8_gops(self) -> float | None:
        """The faster of the two integer products."""
        return max((v for v in (self.int8_gops, self.int8_signed_gops) if v is not None), default=None)


def best_of(one: Ceiling, other: Ceiling) -> Ceiling:
    """The higher of each limit, of two measurements on one machine and one number of threads; ``other`` is the later.

    A disturbed measurement is always too low, so the highest is nearest to the truth.
    """
    peaks = {name: _higher(getattr(one, name), getattr(other, name)) for name in _PEAKS}
    n = {name: one.n.get(name, 0) + other.n.get(name, 0) for name in one.n | other.n}
    missing = {name: why for name, why in (one.missing | other.missing).items() if peaks[name] is None}
    return Ceiling.from_json({**other.to_json(), **peaks, "n": n, "missing": missing})


def _higher(one: float | None, other: float | None) -> float | None:
    return max((v for v in (one, other) if v is not None), default=None)
