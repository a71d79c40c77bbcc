"""Small networks in rounds: many trained briefly, the better half longer, and the front judged beside the sample."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import InputError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.measure.run_one import measure
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.process.places.homes import places_here
from qexplorer.process.places.taking import beside
from qexplorer.process.places.waiting import duration
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from qexplorer.scheduling.inputs import array_input
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import InputFile, SweepTask, TaskEnd
from qexplorer.search.architecture.architecture_types import (
    ArchitectureQuestion,
    ArchitectureReport,
    JudgedNetwork,
    TriedNetwork,
)
from qexplorer.search.architecture.attempt import TARGET, Attempted, AttemptOrder, learned_from, loaded, rounded
from qexplorer.search.architecture.pace import ForetoldTime, foretold_time, lengths, training_s
from qexplorer.search.architecture.shapes import CHOICES, NetworkShape, drawn_shapes
from qexplorer.search.architecture.taught import Taught, taught
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.joint.joint_types import WEIGHT_BYTES
from qexplorer.search.set_apart import calibration_parts

__all__ = ["better_half", "find_networks", "unlearned"]

_APART = 0.25  # of the calibration part, that chooses among networks

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
    fronts of error, bytes and multiply-accumulates. Networks learn from the model's own answers.

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
    learned, apart = search.prepare()
    found = ArchitectureReport(model.name, data.name, question, n_learned=learned, n_apart=apart)
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


def unlearned(tried: TriedNetwork, judged: JudgedNetwork, sample: JudgedNetwork, classes: int) -> str | None:
    """Why a network was not trained far enough to be judged, as half a sentence; None where it was.

    It was not where it knows less than half of what the sample knows beyond guessing, or where twice the training
    still raised its accuracy by more than chance.

    Args:
        tried: in the last round.
        judged: on the evaluation part.
        sample: the hand-made one on the same samples.
        classes: how many there are.
    """
    guessed = 1 / classes
    if judged.accuracy < guessed + (sample.accuracy - guessed) / 2:
        return f"it knows less than half of what {sample.name} knows"
    if tried.rises is not None:
        return f"its accuracy still rose by {100 * tried.rises:.0f} points when it was trained twice as long"
    return None


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
    files: dict[NetworkShape, bytes] = field(default_factory=dict)
    inputs: dict[str, InputFile] = field(default_factory=dict)
    time: ForetoldTime = field(init=False)
    taught: Taught = field(init=False)
    learned: str = ""

    def prepare(self) -> tuple[int, int]:
        """Has the model teach, and returns how many pictures that was drawn from and how many judge."""
        seen, apart = calibration_parts(self.data, (_APART,))
        name, asked = self.model.inputs[0].name, self.question
        pictures = seen.calibration.inputs[name]
        self.time = foretold_time(self.model, asked, places_here())
        words = f"{self.model.name} answers {asked.pictures:,} moved pictures; alone on this machine all of it takes "

        def told(share: float) -> None:
            self.tell(f"{words}about {duration(self.time.total)}", share * self.time.taught / self.time.total)

        told(0.0)
        with beside():
            self.taught = taught(pictures, self.model.path, asked.pictures, asked.seed, told)
        self.learned = f"{seen.digest}, {asked.pictures} moved by {asked.seed}"
        arrays = {"shown": self.taught.pictures, "answers": self.taught.answers}
        arrays |= {"pictures": apart.calibration.inputs[name], "labels": np.asarray(apart.calibration.labels)}
        self.inputs = {key: array_input(array) for key, array in arrays.items()}
        return seen.calibration.n, apart.calibration.n

    def rounds(self) -> Iterable[tuple[TriedNetwork, ...]]:
        """All networks so far, after each that was tried."""
        asked, size = self.question, self.taught.pictures.shape[1:]
        shapes: Iterable[NetworkShape] = drawn_shapes(asked.networks, asked.seed)
        known: dict[NetworkShape, TriedNetwork] = {}
        begun = self.time.taught / self.time.total
        self.tell("training the first networks", begun)
        for at, (epochs, rounded_epochs) in enumerate(lengths(asked)):
            tasks = {self._task(shape, epochs, rounded_epochs).digest: shape for shape in shapes}
            took = {shape: training_s(shape, epochs, rounded_epochs, asked.pictures, size) for shape in tasks.values()}
            share = self.time.trained / self.time.total / asked.rounds  # a round is half as many, twice as long
            now: dict[NetworkShape, TriedNetwork] = {}
            for end in run_tasks([self._task(shape, epochs, rounded_epochs) for shape in tasks.values()]):
                shape = tasks[end.task.digest]
                now[shape] = self._tried(end, shape, at + 1, epochs, known.get(shape))
                known |= now
                done = sum(took[each] for each in now) / sum(took.values())
                self.tell(f"round {at + 1} of {asked.rounds}: {shape.name}", begun + share * (at + done))
                yield tuple(known.values())
            shapes = [each.shape for each in better_half([now[shape] for shape in tasks.values() if shape in now])]

    def _task(self, shape: NetworkShape, epochs: int, rounded_epochs: int) -> SweepTask:
        name = self.model.inputs[0].name
        order = AttemptOrder(shape, epochs, rounded_epochs, name, self.question.seed, self.learned)
        return SweepTask(TARGET, order.to_json(), self.inputs)

    def _tried(
        self, end: TaskEnd, shape: NetworkShape, number: int, epochs: int, before: TriedNetwork | None
    ) -> TriedNetwork:
        if end.error is not None:
            return TriedNetwork(shape, number, epochs, failed=end.error.sentence)
        found = Attempted.from_json(end.value)
        self.files[shape] = base64.b64decode(found.onnx)
        return TriedNetwork(
            shape=shape,
            round=number,
            epochs=epochs,
            right=found.right,
            float_right=found.float_right,
            n=found.n,
            weight_bytes=found.weight_bytes,
            macs=found.macs,
            before=None if before is None else before.right,
        )

    def judged(self, tried: tuple[TriedNetwork, ...]) -> Iterable[tuple[JudgedNetwork, ...]]:
        """The sample in each of the bits, and the best of the last round, after each that was judged."""
        last = [each for each in tried if each.round == self.question.rounds and each.failed is None]
        chosen = sorted(last, key=lambda each: (-each.right, each.weight_bytes))[: self.question.judged]
        recipes = [str(each) for each in CHOICES["recipe"]]
        found: list[JudgedNetwork] = []
        before, total = 1 - self.time.judged / self.time.total, len(recipes) + len(chosen)

        def tell(name: str) -> None:
            self.tell(f"judging {name}", before + (1 - before) * len(found) / total)

        for recipe in recipes:
            tell(f"{self.model.name} in {recipe}")
            statistics = statistics_for(self.model, self.data)
            made = quantize_model(self.model, Recipe.parse(recipe), statistics)
            found.append(self._judge(made, self.model.name, None))
            yield tuple(found)
        for each in chosen:
            tell(each.shape.name)
            network = loaded(self.files[each.shape], each.shape)
            learned = learned_from(self.learned, network.inputs[0].name, self.taught)
            made = rounded(network, learned, each.shape, lengths(self.question)[-1][1])
            judged = self._judge(made, each.shape.name, each.shape)
            found.append(replace(judged, unlearned=unlearned(each, judged, found[0], self.classes)))
            yield tuple(found)

    @property
    def classes(self) -> int:
        """How many the teacher tells apart."""
        return int(self.taught.answers.shape[1])

    def _judge(self, made: QuantizedModel, name: str, shape: NetworkShape | None) -> JudgedNetwork:
        run = measure(made, self.data)
        accuracy, latency = run.accuracy, run.latency_ms
        value = 0.0 if accuracy is None or accuracy.value is None else accuracy.value
        n = self.data.evaluation.n
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
