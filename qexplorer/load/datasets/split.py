"""From what was read to a data set: preprocessing, a seeded stratified split, and the digest of it all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.plugins import TASKS
from qexplorer.core.tasks.choose import inferred_task
from qexplorer.core.tasks.protocol import Task
from qexplorer.load.datasets.classes import as_listed
from qexplorer.load.datasets.overlap import shared_samples
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.datasets.sampling import spread_order

__all__ = ["MAX_CALIBRATION", "MIN_TO_SPLIT", "dataset_digest", "dataset_from", "stratified_positions"]

MAX_CALIBRATION = 512
"""Most samples set apart for calibration; more move ranges very little."""

MIN_TO_SPLIT = 32
"""With fewer samples both parts are all of them: halves would be too small for either."""


def dataset_from(
    raw: RawData, preprocessing: Preprocessing, task: str | None = None, classes: Sequence[str] = ()
) -> DataSet:
    """A data set, ready to feed once its inputs are named as the model's are.

    A part for calibration that the file sets apart is kept. Otherwise ``min(512, n / 4)`` samples are drawn, with a
    fixed seed and every class in proportion, and the rest judges; with fewer than 32 samples both parts are all of
    them, and ``held_out`` is False. The task is the one asked for, else the one that the file names, else the one that
    its labels mean, which a note then says. ``classes`` lists the classes' names in the model's order; names in the
    data get the numbers that they have there. How many samples are in both parts is counted, whoever set them apart.

    Raises:
        DataError: the preprocessing does not go with the arrays, or the labels not with the task.
        UnknownName: there is no such task.
    """
    raw = as_listed(raw, classes)
    chosen, implied, notes = _task(raw, task)
    evaluation = _labelled(raw.evaluation, chosen, raw)
    calibration = None if raw.calibration is None else _labelled(raw.calibration, chosen, raw)
    apart, note = True, ""
    if calibration is not None:
        note = f"The file sets {calibration.n:,} samples apart for calibration and {evaluation.n:,} to judge."
    elif evaluation.n < MIN_TO_SPLIT:
        calibration, apart = evaluation, False
        note = f"Only {evaluation.n} samples: the same ones calibrate and judge, so nothing is held out."
    else:
        strata = _strata(evaluation, chosen)
        first, rest = stratified_positions(evaluation.n, strata)
        calibration, evaluation = evaluation.take(first), evaluation.take(rest)
        how = "fixed seed" if strata is None else "fixed seed, classes in proportion"
        note = f"{len(first)} samples were drawn for calibration ({how}); {len(rest)} judge."
    calibration = _preprocessed(calibration, preprocessing)
    evaluation = _preprocessed(evaluation, preprocessing) if apart else calibration
    digest = dataset_digest(calibration, evaluation, preprocessing, None if implied else chosen.name)
    notes = (*raw.notes, *notes, note)
    shared = shared_samples(calibration, evaluation)
    return DataSet(
        raw.name,
        calibration,
        evaluation,
        shared == 0,
        raw.classes,
        digest,
        notes,
        chosen.name,
        shared,
        raw.alphabetical,
        raw.own_names,
    )


def _task(raw: RawData, asked: str | None) -> tuple[Task, bool, tuple[str, ...]]:
    """The task, whether its labels alone would mean it, and what is to be said of the choice."""
    labels, name = raw.evaluation.labels, asked or raw.task
    if name is None:
        found = inferred_task(labels, raw.name)
        why = "there are no labels" if labels is None else "that is what the labels look like"
        return found, True, (f"The task was taken to be {found.name}, because {why}.",)
    chosen = TASKS.get(name)
    meant = next((task for task in TASKS if task.means(labels)), None)
    return chosen, meant is chosen, ()


def _labelled(split: Split, task: Task, raw: RawData) -> Split:
    """``split`` with its labels as ``task`` keeps them; without any, if it takes none."""
    if not task.needs_labels:
        return Split(split.inputs, None, split.groups, split.labels)
    if split.labels is None:
        allowed = f"labels for the task {task.name}: {task.takes}"
        raise DataError("there are no labels", where=raw.name, allowed=allowed, do="choose the task similarity")
    return Split(split.inputs, task.checked(split.labels, raw.name), split.groups, split.labels)


def _strata(split: Split, task: Task) -> Array | None:
    return None if split.labels is None else task.strata(split.labels)


def _preprocessed(split: Split, preprocessing: Preprocessing) -> Split:
    inputs = {k: preprocessing.apply(v) for k, v in split.inputs.items()}
    return Split(inputs, split.labels, split.groups, split.read_labels)


def stratified_positions(n: int, labels: Array | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions for calibration (in random order) and for judging (ascending); together all ``n``, disjoint."""
    wanted = min(MAX_CALIBRATION, n // 4)
    first = spread_order(n, labels)[:wanted]
    keep = np.ones(n, bool)
    keep[first] = False
    return first, np.flatnonzero(keep)


def dataset_digest(calibration: Split, evaluation: Split, preprocessing: Preprocessing, task: str | None = None) -> str:
    """SHA-256 over arrays, labels and groups of both parts, the preprocessing, and a task that labels do not mean."""
    found = hashlib.sha256()
    for split in (calibration, evaluation):
        arrays = [(f"input {name}", array) for name, array in sorted(split.inputs.items())]
        arrays += [("labels", split.labels)] if split.labels is not None else []
        arrays += [("groups", split.groups)] if split.groups is not None else []
        for name, array in arrays:
            found.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
            found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    found.update(preprocessing.model_dump_json().encode())
    found.update((task or "").encode())
    return found.hexdigest()
