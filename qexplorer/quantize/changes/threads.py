"""How many threads torch gets while an algorithm works.

Threads of torch wait for each other by spinning. For the small products of a small network that gains little on an
idle machine, and where other programs compute it costs more than ten times the time: a step of the sample
``digits_cnn`` took 0.13 s with one thread and 2.5 s with two while two other processes were busy. The number follows
from the model alone, so that a recipe gives the same bits whatever else runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Needs

__all__ = ["WORTH_SHARING", "one_thread", "threads_for"]

WORTH_SHARING = 200_000_000
"""Multiply-accumulates of a layer in one step from which several threads are worth their waiting: some 10 ms of one."""

_SAMPLES = 32
"""Of one step, as a rule."""


@contextmanager
def threads_for(model: Model, needs: Needs) -> Iterator[None]:
    """Torch computes with one thread inside, unless layers of ``model`` are large; then with as many as before.

    Args:
        model: whose layers are worked on.
        needs: of the algorithm; one that runs no samples is left alone.
    """
    if not needs & (Needs.DATA | Needs.GRADIENTS) or _work_of_a_layer(model) >= WORTH_SHARING:
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread inside."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _work_of_a_layer(model: Model) -> float:
    """Multiply-accumulates of a layer with weights in one step, on average."""
    found = [layer.macs for layer in model.layers if layer.macs]
    return sum(found) * (model.fixed_batch or _SAMPLES) / max(len(found), 1)
