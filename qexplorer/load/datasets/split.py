"""From what was read to a data set: preprocessing, a seeded stratified split, and the digest of it all."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet, Split
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.datasets.raw import RawData

__all__ = ["MAX_CALIBRATION", "MIN_TO_SPLIT", "dataset_digest", "dataset_from", "stratified_positions"]

MAX_CALIBRATION = 512
"""Most samples set apart for calibration; more move ranges very little."""

MIN_TO_SPLIT = 32
"""With fewer samples both parts are all of them: halves would be too small for either."""

_SEED = 20240229


def dataset_from(raw: RawData, preprocessing: Preprocessing) -> DataSet:
    """A data set, ready to feed once its inputs are named as the model's are.

    A part for calibration that the file sets apart is kept. Otherwise ``min(512, n / 4)`` samples are drawn, with a
    fixed seed and every class in proportion, and the rest judges; with fewer than 32 samples both parts are all of
    them, and ``held_out`` is False.

    Raises:
        DataError: the preprocessing does not go with the arrays.
    """
    evaluation, calibration = raw.evaluation, raw.calibration
    held_out, note = True, ""
    if calibration is not None:
        note = f"The file sets {calibration.n} samples apart for calibration and {evaluation.n} to judge."
    elif evaluation.n < MIN_TO_SPLIT:
        calibration, held_out = evaluation, False
        note = f"Only {evaluation.n} samples: the same ones calibrate and judge, so nothing is held out."
    else:
        first, rest = stratified_positions(evaluation.n, evaluation.labels)
        calibration, evaluation = evaluation.take(first), evaluation.take(rest)
        note = (
            f"{len(first)} samples were drawn for calibration (fixed seed, classes in proportion); {len(rest)} judge."
        )
    calibration = _preprocessed(calibration, preprocessing)
    evaluation = _preprocessed(evaluation, preprocessing) if held_out else calibration
    digest = dataset_digest(calibration, evaluation, preprocessing)
    return DataSet(raw.name, calibration, evaluation, held_out, raw.classes, digest, (*raw.notes, note))


def _preprocessed(split: Split, preprocessing: Preprocessing) -> Split:
    return Split({k: preprocessing.apply(v) for k, v in split.inputs.items()}, split.labels, split.groups)


def stratified_positions(n: int, labels: NDArray[np.int64] | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions for calibration (in random order) and for judging (ascending); together all ``n``, disjoint."""
    wanted = min(MAX_CALIBRATION, n // 4)
    order = np.random.default_rng(_SEED).permutation(n)
    if labels is not None:
        order = _interleaved(order, labels)
    first = order[:wanted]
    keep = np.ones(n, bool)
    keep[first] = False
    return first, np.flatnonzero(keep)


def _interleaved(order: NDArray[np.intp], labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """``order`` rearranged so that every beginning of it has the classes in proportion."""
    place = np.empty(len(order), np.float64)
    shuffled = labels[order]
    for label in np.unique(shuffled):
        members = np.flatnonzero(shuffled == label)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(place, kind="stable")]


def dataset_digest(calibration: Split, evaluation: Split, preprocessing: Preprocessing) -> str:
    """SHA-256 over the arrays, labels and groups of both parts, and the preprocessing."""
    found = hashlib.sha256()
    for split in (calibration, evaluation):
        arrays = [(f"input {name}", array) for name, array in sorted(split.inputs.items())]
        arrays += [("labels", split.labels)] if split.labels is not None else []
        arrays += [("groups", split.groups)] if split.groups is not None else []
        for name, array in arrays:
            found.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
            found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    found.update(preprocessing.model_dump_json().encode())
    return found.hexdigest()
