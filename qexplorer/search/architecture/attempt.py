"""One network tried: trained in float, then with rounding in the way, and judged on samples apart. A sweep's task."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.wire import Wire
from qexplorer.load.model import load_exported
from qexplorer.load.store import private_folder
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.process.child import Emit
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from qexplorer.quantize.training.recipes import trained
from qexplorer.run.batching import feeds_of, run_in_batches
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.search.architecture.learning import NetworkLesson, learn
from qexplorer.search.architecture.networks import as_onnx, as_torch, folded
from qexplorer.search.architecture.shapes import NetworkShape
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.joint.joint_types import WEIGHT_BYTES

__all__ = ["TARGET", "AttemptOrder", "Attempted", "attempt", "learned_from", "loaded", "right_in", "rounded"]

TARGET = "qexplorer.search.architecture.attempt:attempt"


@dataclass(frozen=True, slots=True)
class AttemptOrder(Wire):
    """What to try.

    Attributes:
        shape: of the network.
        epochs: of float training.
        rounded_epochs: of training with rounding in the way.
        learn: of the pictures, the first so many are learned from; the rest judge.
        input_name: of the network's input.
        classes: how many.
        seed: of everything.
        data: digest of the data, which names what is kept.
    """

    shape: NetworkShape
    epochs: int
    rounded_epochs: int
    learn: int
    input_name: str
    classes: int
    seed: int
    data: str


@dataclass(frozen=True, slots=True)
class Attempted(Wire):
    """What came of it.

    Attributes:
        onnx: the float network's file, base64.
        float_right: pictures apart that it has right.
        right: that the quantized one has right.
        n: pictures apart.
        weight_bytes: packed, of the weights of all layers.
        macs: multiply-accumulates of a sample.
    """

    onnx: str
    float_right: int
    right: int
    n: int
    weight_bytes: int
    macs: int


def attempt(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Trains, exports, trains with rounding, judges.

    Args:
        arguments: ``order``: an :class:`AttemptOrder`; ``inputs``: files of ``teacher`` (ONNX), ``pictures`` and
            ``labels`` (.npy).
        emit: told what it is at.
    """
    order, inputs = AttemptOrder.from_json(arguments["order"]), arguments["inputs"]
    pictures, labels = (np.load(inputs[name], mmap_mode="r", allow_pickle=False) for name in ("pictures", "labels"))
    emit({"event": "progress"})
    size, channels = tuple(int(each) for each in pictures.shape[1:]), int(pictures.shape[1])
    lesson = NetworkLesson(
        np.asarray(pictures[: order.learn], np.float32),
        np.asarray(labels[: order.learn]),
        Path(inputs["teacher"]),
        order.epochs,
        order.seed,
    )
    network = learn(lambda: as_torch(order.shape, channels, order.classes), lesson)
    learned = folded(order.shape, channels, network)
    file = as_onnx(order.shape, order.input_name, size, order.classes, learned).SerializeToString()
    model = loaded(file, order.shape)
    data = learned_from(order.data, order.input_name, pictures[: order.learn], labels[: order.learn])
    emit({"event": "progress"})
    made = rounded(model, data, order.shape, order.rounded_epochs)
    apart, truth = np.asarray(pictures[order.learn :], np.float32), np.asarray(labels[order.learn :])
    found = Attempted(
        onnx=base64.b64encode(file).decode(),
        float_right=right_in(model, model.path, apart, truth),
        right=right_in(model, made.path, apart, truth),
        n=len(truth),
        weight_bytes=round(plan_costs(model, made.plan)[WEIGHT_BYTES]),
        macs=model.macs or 0,
    )
    return found.to_json()


def loaded(file: bytes, shape: NetworkShape) -> Model:
    """The network as any other model."""
    with private_folder() as folder:
        path = folder / "found.onnx"
        path.write_bytes(file)
        return load_exported(path, shape.name, shape.name)


def rounded(model: Model, data: DataSet, shape: NetworkShape, epochs: int) -> QuantizedModel:
    """The network in its bits; trained with rounding in the way for so many epochs, 0: not.

    Args:
        model: the float network.
        data: its calibration part is learned from.
        shape: of the network.
        epochs: of training.
    """
    recipe = Recipe.parse(shape.recipe)
    recipe = trained(recipe, epochs=epochs) if epochs else recipe
    return quantize_model(model, recipe, statistics_for(model, data), data if epochs else None)


def right_in(model: Model, path: Path, pictures: Array, labels: Array) -> int:
    """How many pictures a file has right."""
    session = reference().load(path, SessionOptions(Mode.SIMULATED))
    feeds = feeds_of(Split({model.inputs[0].name: pictures}), model)
    answers = run_in_batches(session, feeds, batch=64, fixed_batch=model.fixed_batch)[0]
    return int((answers.argmax(1) == labels).sum())


def learned_from(digest: str, input_name: str, pictures: Array, labels: Array) -> DataSet:
    """Pictures as the calibration part of data, for training and observing."""
    split = Split({input_name: np.asarray(pictures, np.float32)}, labels=np.asarray(labels))
    empty = Split(
        {input_name: split.inputs[input_name][:0]}, labels=split.labels[:0] if split.labels is not None else None
    )
    return DataSet("pictures", split, empty, True, (), digest, task="classification")
