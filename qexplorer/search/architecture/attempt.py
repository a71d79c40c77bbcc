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
from qexplorer.search.architecture.taught import SEEN_ROUNDED, Taught
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
        input_name: of the network's input.
        seed: of everything.
        data: digest of what is learned from, which names what is kept.
    """

    shape: NetworkShape
    epochs: int
    rounded_epochs: int
    input_name: str
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
        arguments: ``order``: an :class:`AttemptOrder`; ``inputs``: .npy files of ``shown`` and ``answers`` to learn
            from (:class:`~qexplorer.search.architecture.taught.Taught`), and of ``pictures`` and ``labels`` that judge.
        emit: told that it goes on.
    """
    order, inputs = AttemptOrder.from_json(arguments["order"]), arguments["inputs"]
    given = {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in inputs.items()}
    taught = Taught(given["shown"], given["answers"])
    size, classes = tuple(int(each) for each in taught.pictures.shape[1:]), int(taught.answers.shape[1])

    def goes_on() -> None:
        emit({"event": "progress"})

    goes_on()
    lesson = NetworkLesson(taught, order.epochs, order.seed)
    network = learn(lambda: as_torch(order.shape, size[0], classes), lesson, goes_on)
    learned = folded(order.shape, size[0], network)
    file = as_onnx(order.shape, order.input_name, size, classes, learned).SerializeToString()
    model = loaded(file, order.shape)
    made = rounded(model, learned_from(order.data, order.input_name, taught), order.shape, order.rounded_epochs)
    goes_on()
    apart, truth = np.asarray(given["pictures"], np.float32), np.asarray(given["labels"])
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


def learned_from(digest: str, input_name: str, taught: Taught) -> DataSet:
    """The first of what is learned from as the calibration part of data, for observing and for training with rounding.

    Labels are what the teacher says.
    """
    pictures = np.asarray(taught.pictures[:SEEN_ROUNDED], np.float32)
    labels = np.asarray(taught.answers[:SEEN_ROUNDED]).argmax(1)
    split, empty = (Split({input_name: pictures[:n]}, labels=labels[:n]) for n in (len(pictures), 0))
    return DataSet("pictures", split, empty, True, (), f"{digest}, first {len(pictures)}", task="classification")
