"""A backend's answers against the references: the simulation first, exact integers where it leaves something open, and
a look at every piece where both do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.batches import LookedAt, OneByOne, batches_to_look_at, first_rows
from qexplorer.measure.fidelity.gate import Difference, differences, explained, within
from qexplorer.measure.fidelity.looked_at import once
from qexplorer.measure.fidelity.simulation import ExactIntegers, Simulation, exact_for
from qexplorer.measure.fidelity.single_points import Asked, each_alone
from qexplorer.measure.scratch import read_samples
from qexplorer.run.batching import run_in_batches
from qexplorer.run.protocol import Answerer, Backend
from qexplorer.run.registry import exact_integers, reference

__all__ = [
    "EXACT",
    "SIMULATION",
    "Answered",
    "Compared",
    "Question",
    "answered",
    "answers_of",
    "asked_of",
    "compare",
    "differences_from",
    "exact_of",
    "nothing_compared",
    "sample_by_sample",
    "simulation_of",
]

SIMULATION, EXACT = "simulation", "exact integers"
_SAMPLES = 16
"""Samples that are compared once more at each smaller batch size that is timed (a batch where that is more)."""

Report = Callable[[float], None]


@dataclass(frozen=True)
class Question:
    """One file on one backend, and the samples.

    Attributes:
        path: the file.
        backend: whose answers are in question.
        inputs: samples by input name.
        n: samples.
        fixed: the batch that the file insists on, or None.
        evaluation: samples at a time when accuracy is measured.
        batches: batch sizes that are timed.
        threads: threads of one operator.
        scales: step of each output that ends on a grid.
        threshold: see ``predictions``.
    """

    path: Path
    backend: Backend
    inputs: dict[str, Array]
    n: int
    fixed: int | None
    evaluation: int
    batches: tuple[int, ...]
    threads: int
    scales: dict[str, float]
    threshold: float | None

    @classmethod
    def of(cls, arguments: Mapping[str, Any], backend: Backend) -> Question:
        """From the arguments of a child (see ``judge_child.judge``)."""
        threshold = arguments["threshold"]
        return cls(
            path=Path(arguments["path"]),
            backend=backend,
            inputs=read_samples(arguments["files"]),
            n=int(arguments["n"]),
            fixed=arguments["fixed_batch"],
            evaluation=int(arguments["evaluation_batch"]),
            batches=tuple(arguments["batches"]),
            threads=int(arguments["threads"]),
            scales=dict(arguments["scales"]),
            threshold=None if threshold is None else float(threshold),
        )

    @property
    def pads(self) -> bool:
        """Whether the last batch is filled up, as a batch size of its own would cost the backend seconds to prepare."""
        prepares = self.backend.capabilities.prepares
        return prepares is not None and prepares.each_shape

    @cached_property
    def by_sample(self) -> bool:
        """Whether the backend finds ranges sample by sample that the graph finds over the whole batch."""
        if not self.backend.capabilities.ranges_by_sample or self.fixed not in (None, 1):
            return False
        return "DynamicQuantizeLinear" in self._told[0]

    @property
    def layers(self) -> int:
        """Nodes of the graph."""
        return len(self._told[0])

    @property
    def ranks(self) -> list[int | None]:
        """Number of axes of each output, where the graph says it."""
        return self._told[1]

    @cached_property
    def _told(self) -> tuple[list[str], list[int | None]]:
        import onnx

        graph = onnx.load(str(self.path), load_external_data=False).graph
        outputs = [output.type.tensor_type for output in graph.output]
        ranks = [len(each.shape.dim) if each.HasField("shape") else None for each in outputs]
        return [node.op_type for node in graph.node], ranks


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What a backend answered at one batch size."""

    batch: int
    n: int
    inputs: Mapping[str, Array]
    outputs: Sequence[Array]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The answers against the reference that explains them, or else against the last one that was asked.

    Attributes:
        found: the difference at each batch size, the evaluation batch first; empty where nothing is to be compared.
        against: ``simulation`` or ``exact integers``.
        asked: the references that were asked, in words.
        expected: the reference's answers to every sample.
        same_at: batch sizes at which the backend answers the very same as at the evaluation batch.
        ours: the answers.
    """

    found: tuple[Difference, ...]
    against: str
    asked: str
    expected: Sequence[Array] | None
    same_at: tuple[int, ...] = ()
    ours: Sequence[Answered] = ()

    @property
    def open(self) -> tuple[Difference, ...]:
        """The batch sizes at which the reference does not explain the answers."""
        return tuple(item for item in self.found if not explained(item))

    @property
    def to_look_at(self) -> tuple[Difference, ...]:
        """The batch sizes that are open; of those with the very same answers the evaluation batch stands for all."""
        if not self.found or explained(self.found[0]):
            return self.open
        return tuple(item for item in self.open if item.batch not in self.same_at)

    def alone(self, question: Question, session: Answerer | None = None) -> Alone | None:
        """Each piece by itself, at every batch size :meth:`to_look_at`; None if none is, or the backend cannot be
        looked into at all. ``session`` is the backend's with the file, if it is loaded."""
        if not self.open or any(item.wrong for item in self.open):
            return None
        with passing_folder("pieces") as folder:
            try:
                batches = batches_to_look_at(self.to_look_at, question)
                plain = [self._answers_to(each, question) for each in batches]
                asked = replace(asked_of(question, batches, Path(folder)), session=session, plain=plain)
                return once(question, self.found, asked.feeds, lambda: each_alone(asked))
            except BackendError:  # the answers themselves came, so this is a refusal with less to say, not a failure
                return None

    def _answers_to(self, looked: LookedAt, question: Question) -> list[Array] | None:
        """What the backend answered to this very batch; None if it was not asked, or samples cannot be told apart."""
        size = next(iter(looked.feeds.values())).shape[0]
        start, end = looked.start, looked.start + size
        for each in self.ours:
            rows = [
                array.ndim == r and array.shape[0] == each.n
                for array, r in zip(each.outputs, question.ranks, strict=True)
            ]
            if each.batch == size and start % size == 0 and end <= each.n and all(rows):
                return [array[start:end] for array in each.outputs]
        return None


def nothing_compared() -> Compared:
    """For the float model on the backend that is itself the reference."""
    return Compared((), SIMULATION, "the simulation", None)


def asked_of(question: Question, batches: Sequence[LookedAt], folder: Path) -> Asked:
    """The question put to every piece of the graph."""
    exact = exact_integers()
    other = exact if exact is not None and exact.name != question.backend.name else None
    feeds, rows = [each.feeds for each in batches], [each.rows for each in batches]
    return Asked(question.path, question.backend, reference(), feeds, question.threads, folder, other, rows)


def simulation_of(question: Question, folder: Path) -> Simulation:
    """The simulation, kept in ``folder``."""
    return Simulation(question.path, question.threads, folder)


def exact_of(question: Question, folder: Path) -> ExactIntegers | None:
    """Exact integers, kept in ``folder``; None for a graph without integer layers, and for who computes them."""
    exact = exact_integers()
    if exact is None or question.backend.name == exact.name:
        return None
    return exact_for(question.path, question.threads, folder)


def compare(session: Answerer, question: Question, found: list[Array], folder: Path, report: Report) -> Compared:
    """Asks the simulation, and exact integers if it does not explain the answers.

    Args:
        session: the backend's.
        question: which.
        found: its answers to every sample.
        folder: where the references' answers are kept.
        report: is told 1 to 2 as the work goes on.

    Raises:
        BackendError: a backend gave up.
    """
    ours = answered(session, question, found)
    same = _same_at(ours)
    simulation = simulation_of(question, folder)
    first, expected = differences_from(simulation, session, ours, question, report)
    if all(map(within, first)):  # single steps, if many: a look inside costs less than a second runtime
        return Compared(first, SIMULATION, "the simulation", expected, same, ours)
    singly = sample_by_sample(simulation, session, ours, question, report)
    if singly is not None:
        return singly
    exact = exact_of(question, folder)
    if exact is None:
        return Compared(first, SIMULATION, "the simulation", expected, same, ours)
    second, others = differences_from(exact, session, ours, question, report)
    return Compared(second, EXACT, "the simulation and from exact integers", others, same, ours)


def _same_at(ours: Sequence[Answered]) -> tuple[int, ...]:
    """The batch sizes at which the first samples get the very answers of the evaluation batch, bit by bit."""
    first = ours[0]
    return tuple(
        each.batch
        for each in ours[1:]
        if each.n <= first.n
        and all(a.shape[:1] == (each.n,) for a in each.outputs)
        and all(np.array_equal(a, b[: each.n]) for a, b in zip(each.outputs, first.outputs, strict=True))
    )


def sample_by_sample(
    simulation: Answerer, session: Answerer, ours: Sequence[Answered], question: Question, report: Report
) -> Compared | None:
    """The answers against the simulation of one sample at a time, if the backend finds ranges so; else None."""
    if not question.by_sample:
        return None
    found, expected = differences_from(OneByOne(simulation), session, ours, question, report)
    return Compared(found, SIMULATION, "the simulation, sample by sample", expected)


def answers_of(session: Answerer, question: Question, report: Report) -> list[Array]:
    """Outputs for every sample, at the evaluation batch; ``report`` is told which share is done."""
    return run_in_batches(
        session,
        question.inputs,
        batch=question.evaluation,
        fixed_batch=question.fixed,
        pads=question.pads,
        progress=lambda done: report(done / question.n),
    )


def answered(session: Answerer, question: Question, found: list[Array]) -> list[Answered]:
    """The answers to every sample at the evaluation batch, and to the first ones at every batch that is timed."""
    size, n = int(question.fixed or question.evaluation), question.n
    all_of_it = [Answered(size, n, question.inputs, found)]
    for batch in question.batches:
        if batch == size:
            continue
        some = first_rows(question.inputs, max(batch, min(n, _SAMPLES)))
        count = next(iter(some.values())).shape[0]
        outputs = run_in_batches(session, some, batch=batch, fixed_batch=question.fixed, pads=question.pads)
        all_of_it.append(Answered(batch, count, some, outputs))
    return all_of_it


def differences_from(
    other: Answerer, session: Answerer, ours: Sequence[Answered], question: Question, report: Report
) -> tuple[tuple[Difference, ...], list[Array]]:
    """What a reference answers otherwise, at each batch size; and its answers to every sample.

    Where the backend gives the first samples the very answers of the evaluation batch, so does the reference: a graph
    that mixes the samples of a batch would have shown there.
    """
    names = list(session.output_names)
    if list(other.output_names) != names:
        raise BackendError("the backend names its outputs otherwise than the model does")
    expected = answers_of(other, question, lambda done: report(1 + done))
    found, same = [], _same_at(ours)
    for each in ours:
        if each is ours[0]:
            theirs = expected
        elif each.batch in same and all(array.shape[:1] == (question.n,) for array in expected):
            theirs = [array[: each.n] for array in expected]
        else:
            inputs, size = each.inputs, each.batch
            theirs = run_in_batches(other, inputs, batch=size, fixed_batch=question.fixed, pads=question.pads)
        found.append(
            differences(
                each.outputs,
                theirs,
                names,
                question.scales,
                batch=each.batch,
                n=each.n,
                threshold=question.threshold,
                layers=question.layers,
            )
        )
    return tuple(found), expected
