"""Trials beside each other: here one after the other, or on a cluster where one was chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qexplorer.core.errors import BackendError, ChildError, QExplorerError, RecipeError
from qexplorer.graph.allowance import allowance
from qexplorer.load.handing import data_in, data_inputs, model_in, model_inputs
from qexplorer.observe.collecting.handing import statistics_in, statistics_inputs
from qexplorer.process.child import Emit
from qexplorer.process.limits import Limits
from qexplorer.scheduling.sweep import TaskSweep
from qexplorer.scheduling.task import InputFile, SweepTask
from qexplorer.search.joint.trial import TrialBench, TrialOrder, TrialResult
from qexplorer.search.sensitivity.finding import yardstick_of

__all__ = ["Ended", "TrialRunner", "do_trial"]

_TARGET = "qexplorer.search.joint.elsewhere:do_trial"
_BATCH = 32
_REFUSED = (RecipeError, BackendError, ChildError)

Ended = TrialResult | QExplorerError
"""What came of a trial, or why nothing did."""


@dataclass(slots=True, eq=False)
class TrialRunner:
    """Does trials.

    Attributes:
        bench: what they are about.
        sweep: by whom they are done; None: by this process, one after the other, as a small model's trial takes less
            time than a child takes to begin.
    """

    bench: TrialBench
    sweep: TaskSweep | None = None
    _inputs: dict[str, InputFile] = field(default_factory=dict)

    @property
    def places(self) -> int:
        """How many trials are done beside each other."""
        return 1 if self.sweep is None else max(1, self.sweep.places)

    def run(self, orders: Sequence[TrialOrder]) -> list[Ended]:
        """How each ended, in the order in which they were asked for.

        Raises:
            Cancelled: somebody cancelled.
            InputError: the cluster cannot be reached, or not be used.
        """
        if self.sweep is None:
            return [self._here(order) for order in orders]
        tasks = [SweepTask(_TARGET, order.to_json(), self._handed(), limits=self._limits()) for order in orders]
        for task in tasks:
            self.sweep.submit(task)
        ends = [self.sweep.next_end() for _ in tasks]
        found = {end.task.digest: end for end in ends}
        return [self._ended(found[task.digest].value, found[task.digest].error) for task in tasks]

    def _here(self, order: TrialOrder) -> Ended:
        try:
            return self.bench.do(order)
        except _REFUSED as error:
            return error

    def _ended(self, value: Any, error: QExplorerError | None) -> Ended:
        if error is None:
            return TrialResult.from_json(value)
        if not isinstance(error, _REFUSED):
            raise error
        return error

    def _handed(self) -> dict[str, InputFile]:
        """Model, both parts of the samples, and statistics: sent once, found by digest."""
        if not self._inputs:
            bench = self.bench
            apart = replace(bench.seen, calibration=bench.apart)
            self._inputs = (
                model_inputs(bench.model)
                | data_inputs(apart, "apart", evaluation=False)
                | data_inputs(bench.seen, "seen", evaluation=False)
                | statistics_inputs(bench.model, bench.seen)
            )
        return self._inputs

    def _limits(self) -> Limits:
        return allowance(self.bench.model, batch=_BATCH, samples=self.bench.apart.n)


_LAST: dict[str, TrialBench] = {}  # of the inputs that this process saw last: the float network is run once


def do_trial(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:  # noqa: ARG001 - it has no steps to tell of
    """A trial as a task: the order is a :class:`TrialOrder`, the inputs are what ``TrialRunner`` hands over."""
    inputs = arguments["inputs"]
    key = json.dumps(inputs, sort_keys=True)
    if key not in _LAST:
        model, apart, seen = model_in(inputs), data_in(inputs, "apart"), data_in(inputs, "seen")
        _LAST.clear()
        _LAST[key] = TrialBench(
            model, seen, statistics_in(inputs, model), apart.calibration, yardstick_of(model, apart)
        )
    return _LAST[key].do(TrialOrder.from_json(arguments["order"])).to_json()
