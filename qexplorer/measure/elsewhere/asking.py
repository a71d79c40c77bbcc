"""Has a cluster judge variants, and time all of them on one of its machines.

A judgement is a task of its own, for whichever worker is free. Timing is one task for the whole comparison: it goes to
a machine that gives itself to it, and every time of the comparison is that machine's, because times of two machines say
nothing about each other. Where no worker gives its machine, the machine that asks takes the times. What was found where
is said with each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from qexplorer.core.dataset import DataSet, Split
from qexplorer.load.handing import data_inputs, model_inputs
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.elsewhere.found import JudgedThere, TimedThere, plain_variant
from qexplorer.measure.judging import Judged
from qexplorer.measure.timing.latency import Timed
from qexplorer.measure.variant import Subject, Variant
from qexplorer.process.limits import BASE
from qexplorer.run.packages import versions_of
from qexplorer.run.registry import BACKENDS, exact_integers, reference
from qexplorer.scheduling.chosen import chosen_cluster
from qexplorer.scheduling.inputs import file_input
from qexplorer.scheduling.opening import open_scheduler
from qexplorer.scheduling.scheduler import TaskScheduler
from qexplorer.scheduling.shared import SharedScheduler
from qexplorer.scheduling.task import InputFile, SweepTask

__all__ = ["Elsewhere", "elsewhere"]

_JUDGE = "qexplorer.measure.elsewhere.child:judge"
_TIME = "qexplorer.measure.elsewhere.child:time_there"
_MOST_AT_ONCE = 64

Cancel = Callable[[], bool]


@dataclass(slots=True, eq=False)
class Elsewhere:
    """A cluster at work on one comparison.

    Attributes:
        subject: what is compared.
        samples: evaluation samples that were asked for, at most.
        inputs: the model and its data.
        scheduler: the cluster.
        machine: what took the times, as ``Comparison.machine`` has it; None before.
    """

    subject: Subject
    samples: int | None
    inputs: Mapping[str, InputFile]
    scheduler: TaskScheduler
    machine: dict[str, Any] | None = None
    _shared: SharedScheduler = field(init=False)

    def __post_init__(self) -> None:
        self._shared = SharedScheduler(self.scheduler)

    @property
    def places(self) -> int:
        """Judgements beside each other."""
        return min(self.scheduler.places, _MOST_AT_ONCE)

    @property
    def takes_timings(self) -> bool:
        """Whether a machine of it gives itself to timing."""
        return self.scheduler.takes_timings

    def judge(self, variant: Variant, backend: str, threads: int, cancelled: Cancel) -> Judged:
        """As :func:`~qexplorer.measure.judging.judge_variant`, with where it was.

        Raises:
            Cancelled: ``cancelled()`` became true.
            InputError: a worker has other packages than this machine.
            ChildError: the cluster is gone.
        """
        order = {
            "samples": self.samples,
            "threads": threads,
            "backend": backend,
            "packages": _packages(backend),
            "variant": plain_variant(variant),
        }
        inputs = {**self.inputs, "file": file_input(variant.path)}
        task = SweepTask(_JUDGE, order, inputs, limits=self.subject.allowed(BASE))
        return JudgedThere.from_json(self._shared.do(task, cancelled).result()).judged()

    def time(
        self, variants: Mapping[str, Mapping[str, Variant]], plan: TimingPlan, threads: int, cancelled: Cancel
    ) -> dict[str, dict[str, Timed]]:
        """Times of all variants, by backend and key, all of one machine; raises as :meth:`judge`."""
        every = {key: variant for each in variants.values() for key, variant in each.items()}
        order = {
            "samples": self.samples,
            "threads": threads,
            "plan": asdict(plan),
            "packages": {backend: _packages(backend) for backend in variants},
            "backends": {backend: list(each) for backend, each in variants.items()},
            "variants": {key: plain_variant(variant) for key, variant in every.items()},
        }
        inputs = {**self.inputs, **{f"file {key}": file_input(variant.path) for key, variant in every.items()}}
        task = SweepTask(_TIME, order, inputs, exclusive=True, limits=self.subject.allowed(BASE))
        found = TimedThere.from_json(self._shared.do(task, cancelled).result())
        self.machine = found.machine
        return {
            b: {key: replace(one, where=found.where) for key, one in each.items()} for b, each in found.timed.items()
        }


@contextmanager
def elsewhere(subject: Subject, data: DataSet, samples: int | None) -> Iterator[Elsewhere | None]:
    """The cluster that was chosen, reached; None where this machine does everything.

    Raises:
        InputError: it cannot be reached, or not be used.
    """
    if chosen_cluster() is None:
        yield None
        return
    scheduler = open_scheduler()
    try:
        judging = replace(data, calibration=Split({}))
        inputs = {**model_inputs(subject.model), **data_inputs(judging)}
        yield Elsewhere(subject, samples, inputs, scheduler)
    finally:
        scheduler.close()


def _packages(backend: str) -> dict[str, str]:
    """Versions of what computes and what it is compared with."""
    exact = exact_integers()
    taking_part = [BACKENDS.get(backend), reference(), *([] if exact is None else [exact])]
    return versions_of(package for each in taking_part for package in each.facts.packages)
