"""The models and data on which references are compared with ours."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import qexplorer as qx
from benchmarks.four_bits import drawn
from benchmarks.outlier_models import outlier_model
from benchmarks.references.folded import folded
from benchmarks.references.protocol import Arrays
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.stream import batches

__all__ = ["CALIBRATION", "calibration", "fed", "scores", "subject"]

CALIBRATION = 128
"""Samples that algorithms look at, ours and theirs."""

_DATA = {"text_lm": "opticks", "digits_vit": "digits", "digits_cnn": "digits", "glyphs_mobilenet": "glyphs"}


def subject(name: str, seed: int) -> tuple[Model, DataSet]:
    """A model and its data.

    Args:
        name: of a sample, also with ``-folded`` behind it (see :mod:`benchmarks.references.folded`); or
            ``gpt-outliers``, ``bert-outliers``, ``vit-outliers`` with random weights.
        seed: of the random weights. Samples have all their calibration samples at 0, and three quarters of them,
            drawn by the seed, at others.
    """
    plain = name.removesuffix("-folded")
    if plain not in _DATA:
        return outlier_model(plain.removesuffix("-outliers"), seed)
    data = qx.data(_DATA[plain]) if not seed else drawn(qx.data(_DATA[plain]), seed)
    return _folded(qx.load(plain)) if plain != name else qx.load(plain), data


def _folded(model: Model) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(folded(model.proto()), Path(folder) / "folded.onnx")
        return qx.load(str(Path(folder) / "folded.onnx"))


def fed(model: Model, split: Split) -> Arrays:
    """All samples as the model's inputs."""
    parts = [feeds for feeds, _ in batches(model, split)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def calibration(model: Model, data: DataSet) -> Arrays:
    """The samples that our algorithms look at, as the model's inputs."""
    return fed(model, calibration_sample(data, CALIBRATION).split)


def scores(found: NDArray[Any], wanted: NDArray[Any], data: DataSet) -> dict[str, float]:
    """How good answers are, by name of the measure; all but perplexity are better where they are larger.

    Args:
        found: the first output for all held-out samples.
        wanted: that of the float model.
        data: has the labels.
    """
    error = np.square(found - wanted, dtype=np.float64).mean()
    size = np.square(wanted, dtype=np.float64).mean()
    scored = {"SQNR (dB)": float(10 * np.log10(size / error)) if error else np.inf}
    labels = data.evaluation.labels
    if labels is None:
        return scored
    if labels.ndim == 1:
        return scored | {"accuracy (%)": float(100 * (found.argmax(-1) == labels).mean())}
    logits, tokens = found.astype(np.float64), labels.astype(np.int64)
    top = logits.max(-1, keepdims=True)
    sums = np.log(np.exp(logits - top).sum(-1)) + top[..., 0]
    chosen = np.take_along_axis(logits, tokens[..., None], -1)[..., 0]
    return scored | {"perplexity": float(np.exp((sums - chosen)[tokens >= 0].mean()))}
