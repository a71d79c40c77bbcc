"""All samples of a split through a session."""

from __future__ import annotations

from qexplorer.core.dataset import Array, Split
from qexplorer.core.model import Model
from qexplorer.run.batching import feeds_of, run_in_batches
from qexplorer.run.protocol import Answerer

__all__ = ["run_all"]


def run_all(session: Answerer, model: Model, split: Split, *, batch: int) -> list[Array]:
    """Outputs for every sample of ``split``, in batches of ``batch`` or of what the model's file insists on."""
    return run_in_batches(session, feeds_of(split, model), batch=batch, fixed_batch=model.fixed_batch)
