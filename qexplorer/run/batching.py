"""Runs any number of samples through a session, whatever batch its model insists on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from qexplorer.core.dataset import Array, Split
from qexplorer.core.model import Model
from qexplorer.run.protocol import Answerer

__all__ = ["feeds_of", "run_in_batches"]


def feeds_of(split: Split, model: Model) -> dict[str, Array]:
    """The arrays of ``split`` by the model's input names."""
    if set(split.inputs) == {""}:
        return {model.inputs[0].name: split.inputs[""]}
    return dict(split.inputs)


def run_in_batches(
    session: Answerer,
    inputs: Mapping[str, Array],
    *,
    batch: int,
    fixed_batch: int | None,
    pads: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[Array]:
    """All outputs for every sample, one array each; the last fixed batch is padded by repeating its last sample.

    An output without a row per sample (a scalar, say) comes flattened, the batches one after the other; where there is
    one sample a call, every call's is a row.

    Any batch is with ``pads``: for backends that prepare a file for every batch size that comes. ``progress`` is told
    after each batch how many samples are done.
    """
    n = next(iter(inputs.values())).shape[0]
    size = fixed_batch or batch
    pieces: list[list[Array]] = []
    for start in range(0, n, size):
        real = min(size, n - start)
        fed = size if fixed_batch or pads else real
        feeds = {name: _rows(array, start, real, fed) for name, array in inputs.items()}
        pieces.append([_cut(np.asarray(output), real, fed) for output in session.run(feeds)])
        if progress is not None:
            progress(start + real)
    return [_together(parts, size) for parts in zip(*pieces, strict=True)]


def _rows(array: Array, start: int, real: int, fed: int) -> Array:
    rows = np.ascontiguousarray(array[start : start + real])
    if fed != real:
        rows = np.concatenate([rows, np.repeat(rows[-1:], fed - real, axis=0)])
    return rows


def _cut(output: Array, real: int, fed: int) -> Array:
    return output[:real] if _has_rows(output, fed) else output.reshape(-1)


def _has_rows(output: Array, fed: int) -> bool:
    return output.ndim > 0 and output.shape[0] == fed


def _together(parts: Sequence[Array], size: int) -> Array:
    each_alone = size == 1 and not all(_has_rows(part, 1) for part in parts)
    return np.stack(parts) if each_alone and len({part.shape for part in parts}) == 1 else np.concatenate(parts)
