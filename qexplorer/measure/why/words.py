"""Layers and times as a sentence names them."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.words.numbers import number_text
from qexplorer.measure.why.explanation import LayerTime

__all__ = ["counted", "listed", "milliseconds", "operators"]

_NOUNS = {
    "Conv": ("convolution", "convolutions"),
    "Gemm": ("matrix product", "matrix products"),
    "MatMul": ("matrix product", "matrix products"),
}


def counted(rows: Sequence[LayerTime], whole: Sequence[LayerTime]) -> str:
    """``6 of 9 convolutions and 1 of 2 matrix products``; ``3 of 20 layers`` where none of them multiplies."""
    parts = []
    for nouns in dict.fromkeys(_NOUNS.values()):
        mine, of = (sum(_NOUNS.get(row.op) == nouns for row in some) for some in (rows, whole))
        if mine:
            parts.append(f"{mine} of {of} {nouns[of != 1]}")
    if not parts:
        parts = [f"{len(rows)} of {len(whole)} layer{'' if len(whole) == 1 else 's'}"]
    return " and ".join(parts)


def operators(rows: Sequence[LayerTime]) -> str:
    """Their operator types, each once: ``HardSwish and Sub``."""
    return listed(dict.fromkeys(row.op for row in rows))


def listed(names: Sequence[str] | dict[str, None], most: int = 4) -> str:
    """``a, b and c``; after ``most`` names only how many more there are."""
    items = list(names)
    if len(items) > most:
        items = [*items[: most - 1], f"{len(items) - most + 1} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def milliseconds(value: float) -> str:
    """``1.23 ms``, or ``45.6 µs`` below a tenth."""
    return f"{number_text(value)} ms" if value >= 0.1 else f"{number_text(1000 * value)} µs"
