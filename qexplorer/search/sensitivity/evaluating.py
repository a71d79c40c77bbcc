"""The exact method: every trial is run on samples that stream past, from what the float network made in front of it.

For each batch the stretches run once in float, and what is alive between them is kept for that batch alone. A trial is
then the one stretch that holds its layer, written with that layer on its grids by the emitter of quantized files, and
the common stretches behind. Memory does not grow with the number of samples. Where a change leaves no trace in what a
stretch makes, nothing behind it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array, Split, as_declared
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.collecting.stream import batches, cores, without_filling
from qexplorer.observe.collecting.tap import one_sentence, open_session
from qexplorer.quantize.emit.graph import Emitter
from qexplorer.quantize.layerwise.streams import SIMULATED
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.sensitivity.distances import LaidBeside, Yardstick
from qexplorer.search.sensitivity.float_answers import FloatAnswers
from qexplorer.search.sensitivity.groups import LayerGroup
from qexplorer.search.sensitivity.restricted import restricted
from qexplorer.search.sensitivity.sensitivity_types import Rounded
from qexplorer.search.sensitivity.stretches import Stretch
from qexplorer.search.sensitivity.variants import Trial

if TYPE_CHECKING:
    import onnx

__all__ = ["Evaluation", "Results"]

_Values = dict[str, Array]
_Form = tuple[int, frozenset[str] | None, Rounded]
"""A stretch in one form: its number, the groups that are rounded in it (None: the plan as it is), and what of them."""


@dataclass(slots=True, eq=False)
class Results:
    """What came of all trials.

    Attributes:
        plain: the float network.
        whole: everything rounded; None where it was not asked for.
        trials: in their order.
    """

    plain: LaidBeside
    whole: LaidBeside | None
    trials: list[LaidBeside]

    @classmethod
    def empty(cls, trials: int, *, whole: bool) -> Results:
        """Of so many trials, nothing yet."""
        return cls(LaidBeside(), LaidBeside() if whole else None, [LaidBeside() for _ in range(trials)])


class Evaluation:
    """Sessions of one model's stretches.

    Args:
        model: the float model, cut into ``stretches``.
        plan: by which layers are rounded.
        view: the model's graph.
        stretches: of the model, in order.
        threads: trials that run beside each other; None: one for each processor.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan,
        view: GraphIndex,
        stretches: Sequence[Stretch],
        *,
        threads: int | None = None,
    ) -> None:
        self._model, self._plan, self._view, self._stretches = model, plan, view, stretches
        self._threads = threads or cores()
        self._groups = {group.name: group for stretch in stretches for group in stretch.groups}
        self._ranks = {info.name: len(info.shape) for info in model.inputs}
        self._sessions: dict[_Form, _Session] = {}
        self._lock = Lock()

    def run(
        self,
        split: Split,
        yard: Yardstick,
        trials: Sequence[Trial],
        on: Sequence[int],
        batch: int,
        tell: Callable[[int, Results], None],
        *,
        whole: bool,
    ) -> Results:
        """Runs all trials.

        Args:
            split: the samples.
            yard: what answers are judged by.
            trials: what is run.
            on: on how many batches each, from the first.
            batch: samples at a time.
            tell: told after each batch how many samples are done, and what was found so far; may raise Cancelled.
            whole: whether everything rounded together is run too.

        Raises:
            BackendError: ONNX Runtime cannot run a stretch.
        """
        found = Results.empty(len(trials), whole=whole)
        chained = whole or any(trial.before for trial in trials)
        done = 0
        with ThreadPoolExecutor(self._threads) as pool:  # a thread for a trial: those of one operator would spin
            for number, (feeds, samples) in enumerate(batches(self._model, split, batch)):
                labels = None if split.labels is None else split.labels[done : done + samples]
                given = as_declared(feeds, self._ranks)
                chains = pool.map(lambda q, given=given: self._chain(given, quantized=q), (False, True)[: 1 + chained])
                plain, rounded = (*chains, {})[:2]
                taking = _Batch.of(yard, self._view.outputs, feeds, samples, labels, plain)
                taking.judge(found.plain, plain)
                if found.whole is not None:
                    taking.judge(found.whole, rounded)

                def tried(place: int, taking: _Batch = taking, plain: _Values = plain, base: _Values = rounded) -> None:
                    taking.judge(found.trials[place], self._trial(trials[place], plain, base))

                for _ in pool.map(tried, [place for place, most in enumerate(on) if number < most]):
                    pass
                done += samples
                tell(done, found)
        return found

    def _chain(self, given: _Values, *, quantized: bool) -> _Values:
        """What all stretches make one after the other."""
        values = dict(given)
        for number in range(len(self._stretches)):
            values |= self._session(number, frozenset() if not quantized else None).run(values)
        return values

    def _trial(self, trial: Trial, plain: _Values, rounded: _Values) -> Mapping[str, Array]:
        """The values of one trial: those that it does not change are those of the chain in front of it."""
        base = rounded if trial.before else plain
        values = dict(base)
        first = self._session(trial.stretch, frozenset(trial.inside), trial.rounded)
        changed = _differing(first.run(base), base)
        values |= changed
        for number in range(trial.stretch + 1, len(self._stretches)):
            same = trial.before == trial.behind
            if same and not any(name in changed for name in self._stretches[number].inputs):
                continue
            made = self._session(number, None if trial.behind else frozenset()).run(values)
            values |= made
            changed = (changed | _differing(made, base)) if same else changed
        return values

    def _session(self, number: int, inside: frozenset[str] | None, rounded: Rounded = Rounded.BOTH) -> _Session:
        form = (number, inside, rounded)
        with self._lock:
            if form in self._sessions:
                return self._sessions[form]
            stretch = self._stretches[number]
            whole = self._groups.values() if inside is None else [self._groups[name] for name in inside]
            proto = self._written(stretch, whole, rounded, everything=inside is None)
            self._sessions[form] = _Session(proto, stretch, self._model.name)
            return self._sessions[form]

    def _written(
        self, stretch: Stretch, groups: Iterable[LayerGroup], rounded: Rounded, *, everything: bool
    ) -> onnx.ModelProto:
        """A stretch as a graph with some groups on their grids."""
        chosen = list(groups)
        if not chosen and not everything:
            return stretch.model.proto()
        plan = self._plan if everything else restricted(self._plan, self._view, chosen, rounded)
        emitter = Emitter(stretch.model, _within(plan, stretch))
        emitter.run()
        return _bare(emitter)


def _within(plan: Plan, stretch: Stretch) -> Plan:
    """What a plan says of one stretch."""
    names = {layer.name for layer in stretch.model.layers}
    return Plan(
        layers=tuple(layer for layer in plan.layers if layer.name in names),
        tensors=plan.tensors,
        constants={name: keys for name, keys in plan.constants.items() if name in names},
        calibrated=plan.calibrated,
        changed=tuple(each for each in plan.changed if each.layer in names),
    )


def _bare(emitter: Emitter) -> onnx.ModelProto:
    from qexplorer.core.recipe import Recipe

    return emitter.finish(Recipe(name="trial"))


def _differing(made: Mapping[str, Array], base: Mapping[str, Array]) -> _Values:
    """Those tensors that are not what they were, bit for bit."""
    return {name: value for name, value in made.items() if not np.array_equal(value, base[name])}


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """What answers of one batch are laid beside."""

    yard: Yardstick
    names: Sequence[str]
    feeds: Mapping[str, Array]
    samples: int
    labels: Array | None
    beside: FloatAnswers

    @classmethod
    def of(
        cls,
        yard: Yardstick,
        names: Sequence[str],
        feeds: Mapping[str, Array],
        samples: int,
        labels: Array | None,
        plain: Mapping[str, Array],
    ) -> _Batch:
        """With the answers of the float network among ``plain``."""
        return cls(yard, names, feeds, samples, labels, yard.beside(_answers(plain, names, feeds, samples)))

    def judge(self, into: LaidBeside, values: Mapping[str, Array]) -> None:
        """Adds what one variant answered."""
        answers = _answers(values, self.names, self.feeds, self.samples)
        into.add(self.yard, answers, self.beside, self.labels)


def _answers(
    values: Mapping[str, Array], names: Sequence[str], feeds: Mapping[str, Array], samples: int
) -> list[Array]:
    return [without_filling(np.asarray(values[name]), feeds, samples) for name in names]


class _Session:
    """One stretch in ONNX Runtime, in one form."""

    def __init__(self, proto: onnx.ModelProto, stretch: Stretch, where: str) -> None:
        self._inputs, self._outputs, self._where = stretch.inputs, stretch.outputs, where
        self._session = open_session(proto.SerializeToString(), 1, where, settings=SIMULATED)

    def run(self, values: Mapping[str, Array]) -> _Values:
        """What it makes of the tensors at hand."""
        try:
            found = self._session.run(list(self._outputs), {name: values[name] for name in self._inputs})
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(one_sentence(error), where=self._where) from None
        return dict(zip(self._outputs, found, strict=True))
