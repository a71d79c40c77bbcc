"""Data sets for the hand-made graphs of ``tests.quantize.graphs``."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from tests.quantize.support import Case, run

__all__ = ["BATCH", "data_of", "given", "means_of", "quantized"]

BATCH = 16


def given(inputs: dict[str, np.ndarray], name: str = "given") -> DataSet:
    """These samples to calibrate, and others, far from them, to judge on: ranges from the wrong part would show."""
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in inputs.values())).hexdigest()
    judged = {key: (5 * each + 7).astype(each.dtype) for key, each in inputs.items()}
    return DataSet(name, Split(inputs), Split(judged), True, (), digest)


def data_of(one: Case, seed: int = 0) -> DataSet:
    """The samples of a case, or shifted and shuffled ones."""
    if not seed:
        return given(dict(one.split.inputs))
    random = np.random.default_rng(seed)
    moved = {key: values + random.normal(0.5, 0.1, values.shape) for key, values in one.split.inputs.items()}
    return given({key: values.astype(np.float32) for key, values in moved.items()}, f"moved {seed}")


def quantized(model: Model, recipe: str, data: DataSet) -> QuantizedModel:
    """The model quantized by ``recipe``, with what the recipe needs."""
    wanted = Recipe.parse(recipe)
    statistics = statistics_for(model, data) if wanted.needs_statistics else None
    return quantize_model(model, wanted, statistics, data if wanted.needs_samples else None)


def means_of(proto: onnx.ModelProto, tensor: str, axis: int, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Means of ``tensor`` over samples and positions by channel, in batches of ``BATCH`` as the program takes them."""
    if tensor not in {output.name for output in proto.graph.output}:
        proto.graph.output.append(onnx.ValueInfoProto(name=tensor))
    place = [output.name for output in proto.graph.output].index(tensor)
    n = len(next(iter(inputs.values())))
    total: list[np.ndarray] = []
    for start in range(0, n, BATCH):
        feeds = {key: values[start : start + BATCH] for key, values in inputs.items()}
        found = run(proto, feeds, simulated=True)[place]
        total.append(np.moveaxis(found, axis, 0).reshape(found.shape[axis], -1))
    return np.concatenate(total, 1).mean(1, dtype=np.float64)
