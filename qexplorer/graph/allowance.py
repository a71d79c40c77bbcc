"""How much memory and time running a graph may take, from what it and its samples ask for.

Generous on purpose: an honest model must never meet it, an endless loop or a bomb always does. Measured on the models
that come with this program, work takes at most a fifth of what is granted (``docs/limits.md``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from qexplorer.core.model import Model
from qexplorer.graph.index import index_at
from qexplorer.process.limits import BASE, Limits

__all__ = ["activation_bytes", "allowance", "allowance_at"]

_MODEL_COPIES = 8  # parsed, optimized, packed, compiled, and those of a simulation
_ACTIVATION_COPIES = 2
_LAYER_BYTES = 2 * 2**20  # histograms and what else is counted of a layer's tensors
_MACS_A_SECOND = 2e8  # of the slowest way that computes here, exact integers
_BYTES_A_SECOND = 2e6  # of weights that are read, searched for ranges and compiled


def allowance(model: Model, *, batch: int = 1, samples: int = 0, base: Limits = BASE) -> Limits:
    """What work on ``model`` may take.

    Args:
        model: the float model; a quantized one of it takes no more.
        batch: samples at a time, at most.
        samples: whose answers are kept until the end.
        base: granted in any case, with all other limits.
    """
    batch = model.fixed_batch or batch
    memory = _MODEL_COPIES * model.file_bytes + _LAYER_BYTES * len(model.layers)
    memory += _ACTIVATION_COPIES * (batch * activation_bytes(model) + samples * _output_bytes(model))
    seconds = model.file_bytes / _BYTES_A_SECOND + batch * (model.macs or 0) / _MACS_A_SECOND
    return replace(
        base,
        resident_bytes=None if base.resident_bytes is None else base.resident_bytes + memory,
        quiet_s=None if base.quiet_s is None else base.quiet_s + seconds,
    )


def allowance_at(path: Path, base: Limits = BASE) -> Limits:
    """What opening, converting or compiling the file at ``path`` may take, of which nothing else is known."""
    size = path.stat().st_size
    return replace(
        base,
        resident_bytes=None if base.resident_bytes is None else base.resident_bytes + _MODEL_COPIES * size,
        quiet_s=None if base.quiet_s is None else base.quiet_s + size / _BYTES_A_SECOND,
    )


def activation_bytes(model: Model) -> int:
    """Bytes of all tensors that the graph makes for one sample; free dimensions count as 1, unknown shapes not."""
    return _activation_bytes(str(model.path))


@lru_cache(maxsize=16)
def _activation_bytes(path: str) -> int:
    view = index_at(path)
    values = (*view.graph.value_info, *view.graph.output)
    return sum(_bytes(value.type.tensor_type.shape.dim) for value in values if value.name in view.made_at)


def _bytes(dims: object) -> int:
    """Of float32 values, as most are; the first dimension is the batch."""
    sizes = [int(dim.dim_value) or 1 for dim in dims]  # type: ignore[attr-defined]
    return 4 * math.prod(sizes[1:])


def _output_bytes(model: Model) -> int:
    return sum(
        4 * math.prod(size if isinstance(size, int) else 1 for size in output.shape[1:]) for output in model.outputs
    )
