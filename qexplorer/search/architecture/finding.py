"""Small networks in rounds: many trained briefly, the better half longer, and the front judged beside the sample."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from qexplorer.core.dataset import Array, DataSet
from qexplorer.core.errors import InputError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.measure.run_one import measure
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from qexplorer.scheduling.inputs import array_input, file_input
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import InputFile, SweepTask, TaskEnd
from qexplorer.search.architecture.architecture_types import (
    ArchitectureQuestion,
    ArchitectureReport,
    JudgedNetwork,
    TriedNetwork,
)
from qexplorer.search.architecture.attempt import TARGET, Attempted, AttemptOrder, learned_from, loaded, rounded
from qexplorer.search.architecture.shapes import CHOICES, NetworkShape, drawn_shapes
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.joint.joint_types import WEIGHT_BYTES
from qexplorer.search.set_apart import calibration_parts

__all__ = ["better_half", "find_networks"]

_APART = 0.25  # of the calibration part, that chooses among networks
_TRAINED = 0.8  # share of the work that is training

Progress = Callable[[str, float], None]
Partly = Callable[[ArchitectureReport], None]


def find_networks(
    model: Model,
    data: DataSet,
    question: ArchitectureQuestion,
    *,
    progress: Progress | None = None,
    partly: Partly | None = None,
) -> ArchitectureReport:
    """Small convolutional networks for pictures, chosen with their bits, beside a model that is there.

    Width, depth, kernel, kind of block, activation and bits are drawn together; in each round half goes on (successive
    halving: Jamieson and Talwalkar 2016, Non-stochastic Best Arm Identification), the better half in the sense of
    fronts of error, bytes and multiply-accumulates. Networks learn from labels and from the model's own answers.

    Args:
        model: a sample model; it is the teacher, and what found networks are laid beside.
        data: fitted to it. Networks learn from three quarters of the calibration part, the rest chooses among them,
            and the evaluation part judges what was chosen.
        question: what is asked.
        progress: told a sentence and the share that is done; may raise Cancelled.
        partly: handed what is known before the end.

    Raises:
        InputError: the model is no classifier of pictures, or a stranger's.
        DataError: there are too few samples.
    """
    began, tell = time.monotonic(), progress or (lambda _text, _done: None)
    _check(model, data)
    search = _Networks(model, data, question, tell)
    found = ArchitectureReport(
        model.name, data.name, question, n_learned=search.learn, n_apart=len(search.labels) - search.learn
    )
    for tried in search.rounds():
        found = replace(found, tried=tried, seconds=time.monotonic() - began)
        if partly is not None:
            partly(found)
    for judged in search.judged(found.tried):
        found = replace(found, judged=judged, seconds=time.monotonic() - began)
        if partly is not None:
            partly(found)
    return found


def _check(model: Model, data: DataSet) -> None:
    allowed = "a sample model that sorts pictures into classes, such as digits_cnn"
    shape = model.inputs[0].shape if len(model.inputs) == 1 else ()
    if len(shape) != 4 or task_of(data).name != "classification" or not task_of(data).classes(model.outputs):
        raise InputError("networks are searched for pictures and their classes", where=model.name, allowed=allowed)
    if goes_apart(model) or model.untrained:
        raise InputError(
            "the model would be the teacher, and is not a trained sample", where=model.name, allowed=allowed
        )


def better_half(tried: Iterable[TriedNetwork]) -> list[TriedNetwork]:
    """Half of the networks: front after front of error, bytes and multiply-accumulates; in a front the most accurate.

    Deb et al. 2002, NSGA-II, section III A, for the order of fronts.
    """
    left = [each for each in tried if each.failed is None]
    wanted = max(1, (len(left) + 1) // 2)
    kept: list[TriedNetwork] = []
    while left and len(kept) < wanted:
        front = [one for one in left if not any(_beats(other, one) for other in left)]
        kept += sorted(front, key=lambda each: (-each.right, each.weight_bytes))[: wanted - len(kept)]
        left = [each for each in left if each not in front]
    return kept


def _beats(one: TriedNetwork, other: TriedNetwork) -> bool:
    a, b = ((-each.right, each.weight_bytes, each.macs) for each in (one, other))
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


@dataclass(slots=True, eq=False)
class _Networks:
    """One search."""

    model: Model
    data: DataSet
    question: ArchitectureQuestion
    tell: Progress
    learn: int = 0
    files: dict[NetworkShape, bytes] = field(default_factory=dict)
    inputs: dict[str, InputFile] = field(default_factory=dict)
    pictures: Array = field(init=False)
    labels: Array = field(init=False)
    learned: str = ""

    def __post_init__(self) -> None:
        seen, apart = calibration_parts(self.data, (_APART,))
        name = self.model.inputs[0].name
        self.pictures = np.concatenate([part.calibration.inputs[name] for part in (seen, apart)])
        self.labels = np.concatenate([np.asarray(part.calibration.labels) for part in (seen, apart)])
        self.learn, self.learned = seen.calibration.n, seen.digest
        self.inputs = {
            "teacher": file_input(self.model.path),
            "pictures": array_input(self.pictures),
            "labels": array_input(self.labels),
        }

    def rounds(self) -> Iterable[tuple[TriedNetwork, ...]]:
        """All networks so far, after each that was tried."""
        asked = self.question
        shapes: Iterable[NetworkShape] = drawn_shapes(asked.networks, asked.seed)
        known: dict[NetworkShape, TriedNetwork] = {}
        total = sum(max(1, round(asked.networks / 2**at)) for at in range(asked.rounds))
        done = 0
        self.tell("training the first networks", 0.0)
        for at in range(asked.rounds):
            shorter = 2 ** (asked.rounds - 1 - at)
            epochs, rounded_epochs = max(1, asked.epochs // shorter), max(1, asked.rounded_epochs // shorter)
            tasks = {self._task(shape, epochs, rounded_epochs).digest: shape for shape in shapes}
            now: dict[NetworkShape, TriedNetwork] = {}
            for end in run_tasks([self._task(shape, epochs, rounded_epochs) for shape in tasks.values()]):
                shape = tasks[end.task.digest]
                now[shape] = known[shape] = self._tried(end, shape, at + 1, epochs)
                done += 1
                self.tell(f"round {at + 1} of {asked.rounds}: {shape.name}", _TRAINED * min(done / total, 1))
                yield tuple(known.values())
            shapes = [each.shape for each in better_half([now[shape] for shape in tasks.values() if shape in now])]

    def _task(self, shape: NetworkShape, epochs: int, rounded_epochs: int) -> SweepTask:
        order = AttemptOrder(
            shape=shape,
            epochs=epochs,
            rounded_epochs=rounded_epochs,
            learn=self.learn,
            input_name=self.model.inputs[0].name,
            classes=int(self.model.outputs[0].shape[-1] or 0),
            seed=self.question.seed,
            data=self.learned,
        )
        return SweepTask(TARGET, order.to_json(), self.inputs)

    def _tried(self, end: TaskEnd, shape: NetworkShape, number: int, epochs: int) -> TriedNetwork:
        if end.error is not None:
            return TriedNetwork(shape, number, epochs, failed=end.error.sentence)
        found = Attempted.from_json(end.value)
        self.files[shape] = base64.b64decode(found.onnx)
        return TriedNetwork(
            shape, number, epochs, found.right, found.float_right, found.n, found.weight_bytes, found.macs
        )

    def judged(self, tried: tuple[TriedNetwork, ...]) -> Iterable[tuple[JudgedNetwork, ...]]:
        """The sample in each of the bits, and the best of the last round, after each that was judged."""
        last = [each for each in tried if each.round == self.question.rounds and each.failed is None]
        chosen = sorted(last, key=lambda each: (-each.right, each.weight_bytes))[: self.question.judged]
        recipes = [str(each) for each in CHOICES["recipe"]]
        found: list[JudgedNetwork] = []
        total = len(recipes) + len(chosen)
        for recipe in recipes:
            self.tell(f"judging {self.model.name} in {recipe}", _TRAINED + (1 - _TRAINED) * len(found) / total)
            statistics = statistics_for(self.model, self.data)
            made = quantize_model(self.model, Recipe.parse(recipe), statistics)
            found.append(self._judge(made, self.data, self.model.name, None))
            yield tuple(found)
        for each in chosen:
            self.tell(f"judging {each.shape.name}", _TRAINED + (1 - _TRAINED) * len(found) / total)
            network = loaded(self.files[each.shape], each.shape)
            name = network.inputs[0].name
            learned = learned_from(self.learned, name, self.pictures[: self.learn], self.labels[: self.learn])
            made = rounded(network, learned, each.shape, max(1, self.question.rounded_epochs))
            found.append(self._judge(made, self.data, each.shape.name, each.shape))
            yield tuple(found)

    def _judge(self, made: QuantizedModel, data: DataSet, name: str, shape: NetworkShape | None) -> JudgedNetwork:
        run = measure(made, data)
        accuracy, latency = run.accuracy, run.latency_ms
        value = 0.0 if accuracy is None or accuracy.value is None else accuracy.value
        n = data.evaluation.n
        return JudgedNetwork(
            name=name,
            shape=shape,
            recipe=made.recipe.name,
            right=round(value * n),
            n=n,
            weight_bytes=round(plan_costs(made.model, made.plan)[WEIGHT_BYTES]),
            file_bytes=made.path.stat().st_size,
            latency_ms=None if latency is None else latency.p50,
            latency_ci95=None if latency is None else latency.ci95,
            valid=latency is not None and latency.valid,
            sha256=made.model.sha256,
            made=made.digest,
        )
