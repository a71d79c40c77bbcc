"""What must be said wherever accuracy is shown: in the app, the terminal, a notebook, JSON and CSV alike."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.results import Run

__all__ = ["FEW", "cautions_of"]

FEW = 32
"""Below so many samples one more right or wrong is three points and more."""


def cautions_of(runs: Sequence[Run]) -> tuple[str, ...]:
    """Sentences about the accuracies of ``runs``: too few samples to judge by."""
    judged = [run.accuracy for run in runs if run.accuracy is not None and run.accuracy.value is not None]
    few = sorted({found.n for found in judged if 0 < found.n < FEW})
    if not few:
        return ()
    counted = f"{few[0]} sample{'' if few[0] == 1 else 's'}"
    return (f"only {counted} judge{'s' if few[0] == 1 else ''} the answers: fewer than {FEW} say little of a model",)
