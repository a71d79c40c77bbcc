"""Statistics as a file of a task, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import InputError
from qexplorer.core.model import Model
from qexplorer.observe.collecting.store import load_statistics, statistics_for, statistics_path
from qexplorer.observe.stats import Statistics
from qexplorer.scheduling.inputs import file_input
from qexplorer.scheduling.task import InputFile

__all__ = ["statistics_in", "statistics_inputs"]

_NAME = "statistics"


def statistics_inputs(model: Model, data: DataSet, *, samples: int = 512) -> dict[str, InputFile]:
    """The file of a task that reads the statistics of ``model``, collected now if they are not kept; as
    :func:`~qexplorer.observe.collecting.store.statistics_for`, which raises the same."""
    statistics_for(model, data, samples=samples)
    return {_NAME: file_input(statistics_path(model, data, samples))}


def statistics_in(inputs: Mapping[str, str], model: Model) -> Statistics | None:
    """The statistics that were handed over, from the paths of a task's inputs; None if none were.

    Raises:
        InputError: the file is damaged, or of another model.
    """
    if _NAME not in inputs:
        return None
    found = load_statistics(Path(inputs[_NAME]), model)
    if found is None:
        raise InputError("the statistics that a task was given cannot be read", do="start the work again")
    return found
