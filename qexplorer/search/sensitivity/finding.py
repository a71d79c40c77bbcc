"""Finding a model's sensitivity: the recipe's plan, gradients, then the evaluation; kept under what it follows from."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError, DataError, ModelError
from qexplorer.core.model import Model
from qexplorer.core.plugins import METRICS
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.graph.allowance import activation_bytes, allowance
from qexplorer.graph.index import GraphIndex, index_of
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.load.outputs import threshold_of
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.stats import Statistics
from qexplorer.process.child import Emit, allow
from qexplorer.process.places.taking import beside
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import CALIBRATION_SAMPLES, digest_of, quantize_model
from qexplorer.scheduling.chosen import chosen_cluster
from qexplorer.search.sensitivity.answering import Known, report_of
from qexplorer.search.sensitivity.distances import Yardstick
from qexplorer.search.sensitivity.evaluating import Evaluation, Results
from qexplorer.search.sensitivity.groups import groups_of
from qexplorer.search.sensitivity.question import LARGE_MACS, Inquiry, other_plans
from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport
from qexplorer.search.sensitivity.spread.tasks import SpreadEvaluation
from qexplorer.search.sensitivity.stretches import stretches_of
from qexplorer.search.sensitivity.variants import batches_for, passes_of, trials_of
from qexplorer.search.sharing import with_whom
from qexplorer.search.strangers import asked_of_child, in_child

__all__ = ["find_sensitivity", "sensitivity_in_child", "yardstick_of"]

_VERSION = 3  # of what is kept; another number makes it unread
_GRADIENT_BATCH, _LARGE_GRADIENT_BATCH, _BATCH = 4, 8, 16
_PROBES = 4  # draws for a batch of a small network
_BATCH_BYTES = 2**28  # of all tensors of a batch, about

Progress = Callable[[str, float], None]
Partly = Callable[[SensitivityReport], None]


def find_sensitivity(
    model: Model,
    data: DataSet,
    question: Inquiry,
    *,
    progress: Progress | None = None,
    partly: Partly | None = None,
) -> SensitivityReport:
    """What rounding each layer costs.

    Args:
        model: the float model.
        data: fitted to the model; its calibration part alone is read, so that what is chosen by the report can be
            judged on the rest.
        question: what is asked.
        progress: told a sentence and the share that is done; may raise Cancelled.
        partly: handed what is known before the end: what is foretold, then layers as they are evaluated.

    Raises:
        RecipeError: the recipe cannot be applied, or rounds nothing.
        DataError: there are no calibration samples.
        BackendError: ONNX Runtime cannot run a part of the graph.
        InputError: a cluster was chosen that cannot be reached, or not be used.
    """
    tell: Progress = progress or (lambda _text, _done: None)
    asked, how = question.to_json(), asdict(_Gradients.of(model))
    path = kept_path("sensitivity", [_VERSION, _digest(model, data, question.recipe), data.digest, asked, how])
    kept = read_kept(path)
    if kept is not None:
        return SensitivityReport.from_json(kept)
    if not goes_apart(model):
        found = _Inquest(model, data, question, tell, partly).report()
    else:
        entry = "qexplorer.search.sensitivity.finding:sensitivity_in_child"
        found = in_child(entry, model, data, asked, SensitivityReport, tell=tell, partly=partly, batch=_BATCH)
    write_kept(path, found.to_json())
    return found


def _digest(model: Model, data: DataSet, recipe: Recipe) -> str:
    return digest_of(model, recipe, None, data)


def sensitivity_in_child(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The child's side of :func:`find_sensitivity` for a stranger's model."""
    asked = asked_of_child(arguments, emit)
    question = Inquiry.from_json(asked.question)
    return _Inquest(asked.model, asked.data, question, asked.tell, asked.partly).report().to_json()


@dataclass(frozen=True, slots=True)
class _Gradients:
    """How gradients are taken, on which what they foretell depends.

    Attributes:
        large: whether the network is.
        batch: samples of one backward pass.
        probes: draws for a batch.
        narrow: whether products are of bfloat16, as this processor can.
    """

    large: bool
    batch: int
    probes: int
    narrow: bool

    @classmethod
    def of(cls, model: Model) -> _Gradients:
        """As is best for a model on this machine."""
        if (model.macs or 0) < LARGE_MACS:
            return cls(False, _GRADIENT_BATCH, _PROBES, False)
        from qexplorer.search.sensitivity.narrow import multiplies_bfloat16

        return cls(True, _LARGE_GRADIENT_BATCH, 1, multiplies_bfloat16())


@dataclass(slots=True)
class _Inquest:
    """One question about a model and data."""

    model: Model
    data: DataSet
    question: Inquiry
    tell: Progress
    partly: Partly | None
    notes: list[str] = field(default_factory=list)

    def report(self) -> SensitivityReport:
        """Quantizes, foretells and evaluates."""
        allow(allowance(self.model, batch=_BATCH))
        draw = calibration_sample(self.data, self.question.samples)
        if not draw.used:
            raise DataError("there are no calibration samples to look at", where=self.data.name, do="give some")
        statistics, made = self._made()
        model = made.ready or made.model
        view = index_of(model)
        groups = groups_of(made.plan, view)
        self.notes += made.plan.notes
        yard = yardstick_of(self.model, self.data, self.question.temperature)
        found = Known(made, self.data.name, draw.used, yard, groups)
        found.shares = with_whom(made.plan, view.tied)
        with beside():
            self._foretell(found, model, view, draw.split, statistics)
            self._hand(found)
        if self.question.evaluate and groups:
            with contextlib.nullcontext() if chosen_cluster() else beside():  # its workers may be on this machine
                self._evaluate(found, model, view, draw.split)
        return report_of(found, self.notes)

    def _hand(self, found: Known) -> None:
        if self.partly is not None:
            self.partly(report_of(found, self.notes))

    def _made(self) -> tuple[Statistics | None, QuantizedModel]:
        recipe, statistics = self.question.recipe, None
        if recipe.needs_statistics:

            def observed(done: int, total: int) -> None:
                self.tell(f"observing sample {done} of {total}", 0.1 * done / max(total, 1))

            statistics = statistics_for(self.model, self.data, samples=CALIBRATION_SAMPLES, progress=observed)

        def told(step: str, share: float) -> None:
            self.tell(step, 0.1 + 0.1 * share)

        given = self.data if recipe.needs_samples or recipe.casts else None
        return statistics, quantize_model(self.model, recipe, statistics, given, progress=told)

    def _foretell(
        self, found: Known, model: Model, view: GraphIndex, split: Split, statistics: Statistics | None
    ) -> None:
        from qexplorer.search.sensitivity.gradients import Foresight, foretell
        from qexplorer.search.sensitivity.narrow import one_thread

        how = _Gradients.of(model)

        def told(done: int) -> None:
            self.tell(f"gradients of sample {done} of {split.n}", 0.2 + 0.3 * done / split.n)

        def seen(so_far: Foresight) -> None:
            found.foresight = so_far
            self._hand(found)

        digest, asked = _digest(self.model, self.data, self.question.recipe), dict(self.question.weights)
        rest = [self.data.digest, split.n, asked, asdict(how), found.yard.temperature]
        path = kept_path("sensitivity", ["gradients", _VERSION, digest, *rest])
        if (kept := read_kept(path)) is not None:
            found.foresight = Foresight(**kept)
            return
        try:
            with one_thread(large=how.large):
                found.foresight = foretell(
                    model,
                    view,
                    found.made.plan,
                    found.groups,
                    split,
                    found.yard,
                    others=other_plans(model, self.question, statistics) if model is found.made.model else {},
                    batch=how.batch,
                    probes=how.probes,
                    narrow=how.narrow,
                    tell=told,
                    partly=seen,
                )
                write_kept(path, asdict(found.foresight))
        except ModelError as error:
            found.no_gradient = str(error)

    def _evaluate(self, found: Known, model: Model, view: GraphIndex, split: Split) -> None:
        with passing_folder("stretches") as folder:
            stretches = stretches_of(model, view, found.groups, Path(folder))
            trials, found.missing = trials_of(stretches, self.question.rounded, self.question.setups)
            batch = max(1, min(_BATCH, _BATCH_BYTES // max(activation_bytes(model), 1)))
            if model.fixed_batch is not None:
                batch = model.fixed_batch
            worst = {} if found.foresight is None else found.foresight.losses()
            self.tell(f"evaluating layers, sample 0 of {split.n}", 0.5)

            def run(batch: int) -> Results:
                total = math.ceil(split.n / batch)
                on = batches_for(trials, split.n, batch, self.question.passes, worst)
                found.trials, found.passes = trials, passes_of(trials, on, total)

                def told(done: int, so_far: Results) -> None:
                    self.tell(f"evaluating layers, sample {done} of {split.n}", 0.5 + 0.5 * done / split.n)
                    found.outcome = so_far
                    if done < split.n:
                        self._hand(found)

                if chosen_cluster() is not None:
                    spread = SpreadEvaluation(self.model, self.data, self.question, found.made, split)
                    return spread.run(trials, on, batch, told)
                work = Evaluation(model, found.made.plan, view, stretches)
                return work.run(split, found.yard, trials, on, batch, told, whole=True)

            try:
                found.outcome = run(batch)
            except BackendError:
                if model.fixed_batch is not None or batch == 1:
                    raise
                found.outcome = run(1)  # a batch can be written into a Reshape


def yardstick_of(model: Model, data: DataSet, temperature: float = 1.0) -> Yardstick:
    """What answers of a model on data are judged by, divergences at a temperature.

    Raises:
        ModelError: no output is a float.
    """
    from qexplorer.quantize.training.lesson_checks import class_axis

    task, view = task_of(data), index_of(model)
    floats = tuple(i for i, output in enumerate(model.outputs) if view.is_float(output.name))
    if not floats:
        raise ModelError("no output is a float, so that nothing says how far an answer is from another")
    axis = class_axis(task, model.outputs) if floats[0] == 0 else None
    judged = data.calibration.labels is not None or not task.needs_labels
    width = None if axis is None else model.outputs[0].shape[axis]
    return Yardstick(
        floats=floats,
        axis=None if width == 1 else axis,
        probabilities=_ends_in_softmax(model),
        temperature=temperature,
        metric=METRICS.get(task.primary(model.outputs)) if judged else None,
        threshold=threshold_of(model) if task.classes(model.outputs) else None,
    )


def _ends_in_softmax(model: Model) -> bool:
    """Whether a Softmax makes the first output."""
    name = model.outputs[0].name
    return any(layer.op == "Softmax" and name in layer.outputs for layer in model.layers)
