"""The loop of algorithms that move the size of channels from inputs to weights, group of layers by group of layers.

Groups are gone through from the last to the first: where the factors of one go into the weights of a layer in front,
that layer chooses its own with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Float32
from qexplorer.graph.index import GraphIndex
from qexplorer.load.macs import shapes_for_one_sample
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.decide import Decision, decide
from qexplorer.quantize.layerwise.chains import scaled_in
from qexplorer.quantize.outliers.factor_places import FactorPlace, Shapes, place_of
from qexplorer.quantize.outliers.graph_edits import GraphEdits
from qexplorer.quantize.outliers.group_error import GroupError
from qexplorer.quantize.outliers.input_groups import InputGroup, divide, groups_of, multiply
from qexplorer.quantize.outliers.sampled_inputs import ROWS, LayerInputs, layer_inputs
from qexplorer.quantize.worthwhile import comes_as_codes, only_worthwhile

__all__ = [
    "WORTH_A_NODE",
    "Factors",
    "GroupInputs",
    "Surroundings",
    "channel_peaks",
    "foretold",
    "inputs_in_turns",
    "left",
    "migrate",
    "say",
]

Factors = NDArray[np.float64]
"""``(channels,)``, above 0: what the channels of an input are divided by."""

GroupInputs = tuple[LayerInputs, ...]
"""What each layer of a group is fed."""

_ROOM = 2**29
"""Bytes that the rows kept in one pass may have."""

WORTH_A_NODE = 0.75
"""A node in front of a layer is put in only if it leaves less than this share of the error."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of a draft's graph.

    Attributes:
        view: the graph.
        shapes: of its tensors, for one sample.
        decisions: what the recipe makes of its layers.
        groups: the layers to work on.
        reasons: why others are left, by layer.
    """

    view: GraphIndex
    shapes: Shapes
    decisions: dict[str, Decision]
    groups: list[InputGroup]
    reasons: dict[str, str]

    @classmethod
    def of(cls, draft: GraphDraft, operators: Sequence[str] = ("Conv", "MatMul", "Gemm")) -> Surroundings:
        """Those of a draft."""
        view = GraphIndex(draft.model.proto())
        decisions = only_worthwhile(decide(draft.model, draft.recipe, view), view)
        groups, reasons = groups_of(decisions, view, operators)
        return cls(view, shapes_for_one_sample(draft.proto), decisions, groups, reasons)

    def place(self, group: InputGroup, *, linear: bool = False) -> FactorPlace | None:
        """Where a change of the group's input can be worked in."""
        rank = self.rank(group)
        if not rank:
            return None
        axis, readers = group.axis % rank, frozenset(group.layers)
        return place_of(group.tensor, axis, group.channels, readers, self.view, self.shapes, linear=linear)

    def rank(self, group: InputGroup) -> int:
        """Dimensions of the group's input; 0 where they are not known."""
        return self.view.ranks.get(group.tensor) or len(self.shapes.get(group.tensor, ()))

    def no_node(self, group: InputGroup) -> str | None:
        """Why no node can be put in front of the group, or None."""
        if group.axis == 1:
            return (
                "no layer in front can take it, and a node in front would part convolutions from their integer kernels"
            )
        if not self.rank(group):
            return "the shape of its input is not known"
        if comes_as_codes(group.tensor, self.decisions, self.view):
            return "no layer in front can take it, and what it reads is on a grid before a node could change it"
        return None


def channel_peaks(group: InputGroup, weights: Sequence[Float32]) -> NDArray[np.float64]:
    """The largest magnitude of the group's weights in each input channel."""
    peaks = []
    for matrix, weight in zip(group.matrices, weights, strict=True):
        columns = np.abs(matrix.rows(weight)).max(1)
        peaks.append(columns.reshape(group.channels, -1).max(1))
    return np.asarray(np.max(peaks, 0), np.float64)


def foretold(draft: GraphDraft, title: str, applies: Callable[[InputGroup], str | None]) -> Mapping[str, str]:
    """What will be done to each layer, as clauses.

    Args:
        draft: the graph.
        title: of the algorithm, as the plan names it.
        applies: why a group is left, or None.
    """
    around = Surroundings.of(draft)
    found = {layer: left(title, why) for layer, why in around.reasons.items()}
    for group in around.groups:
        place = around.place(group)
        why = applies(group) or (around.no_node(group) if place is None else None)
        where = "by a Mul in front" if place is None else f"by the constants of '{place.layer}'"
        text = left(title, why) if why else f"{title} will divide the channels of its input, {where}, if that helps"
        found |= dict.fromkeys(group.layers, text)
    return found


def left(title: str, why: str) -> str:
    """That a layer was left as it was."""
    return f"{title} left its input as it was: {why}"


def migrate(
    draft: GraphDraft,
    by: str,
    title: str,
    split: Split,
    applies: Callable[[InputGroup], str | None],
    candidates: Callable[[InputGroup, GroupInputs, Sequence[Float32]], Sequence[tuple[str, Factors]]],
    *,
    search: bool = True,
) -> None:
    """Divides the channels of inputs and multiplies those of weights, and says of every layer what that did.

    Args:
        draft: the graph.
        by: name of the algorithm.
        title: as the plan names it.
        split: samples to observe.
        applies: why a group is left, or None.
        candidates: factors to try for a group, each with a word on what it is.
        search: whether the one with the least error is taken, or none where no change has less; otherwise the first.
    """
    around = Surroundings.of(draft)
    for layer, why in around.reasons.items():
        draft.remark(layer, left(title, why))
    wanted = []
    for group in around.groups:
        why_not = applies(group) or (around.no_node(group) if around.place(group) is None else None)
        if why_not:
            say(draft, group, left(title, why_not))
        else:
            wanted.append(group)
    edits = GraphEdits(draft.proto)
    for group, inputs in inputs_in_turns(draft, split, wanted[::-1], f"{title}, observing the inputs of layers"):
        with draft.timed(group.layer):
            _migrate(draft, by, title, around, edits, group, inputs, candidates, search=search)
    edits.finish()


def _migrate(
    draft: GraphDraft,
    by: str,
    title: str,
    around: Surroundings,
    edits: GraphEdits,
    group: InputGroup,
    inputs: GroupInputs | None,
    candidates: Callable[[InputGroup, GroupInputs, Sequence[Float32]], Sequence[tuple[str, Factors]]],
    *,
    search: bool,
) -> None:
    if inputs is None or not all(each.finite for each in inputs):
        say(draft, group, left(title, "its inputs are not finite on the calibration data"))
        return
    weights = [edits.value(label, 1) for label in group.layers]
    judge = GroupError.of(group, around.view, weights, [each.rows for each in inputs])
    by_half = [candidates(group, half, weights) for half in _halves(group, inputs)]

    def error(at: int, *, quick: bool = False) -> float:
        return float(np.mean([_error(judge, inputs, tried[at][1], quick=quick) for tried in by_half]))

    best = int(np.argmin([error(at, quick=True) for at in range(len(by_half[0]))])) if search else 0
    place, (word, factor) = around.place(group), candidates(group, inputs, weights)[best]
    before, after = _error(judge, inputs, np.ones(group.channels)), error(best)
    if search and after >= before * (1.0 if place else WORTH_A_NODE):
        why = "a Mul in front of it would gain too little" if after < before else "no factors have less error"
        say(draft, group, left(title, f"{why} ({after:.3g} of the size of its outputs, {before:.3g} as it is)"))
        return
    multiply(edits, group, factor)
    divide(edits, group, factor, place, by, around.rank(group))
    where = "by a Mul in front" if place is None else f"in the constants of '{place.layer}'"
    span = f"{factor.min():.3g} to {factor.max():.3g}"
    text = f"{title} divided the channels of its input by {span} ({word}), {where}"
    say(draft, group, f"{text}: the error of its outputs is {after:.3g} of their size, {before:.3g} before")


def _halves(group: InputGroup, inputs: GroupInputs) -> list[GroupInputs]:
    """The inputs by which factors are made to be judged: of each half of the samples where inputs are rounded.

    Factors that flatten the very samples by which they are judged have a range of 1 on them, and a wider one on any
    others.
    """
    return [tuple(each.half(at) for each in inputs) for at in (0, 1)] if group.with_codes else [inputs]


def _error(judge: GroupError, inputs: GroupInputs, factor: Factors, *, quick: bool = False) -> float:
    """The error with the channels divided by ``factor``, and the weights multiplied."""
    group, view = judge.group, judge.view
    weights = [scaled_in(view.nodes[n], w, factor) for n, w in zip(group.layers, judge.weights, strict=True)]
    rows = [(x / group.columns(factor, at)[..., None]).astype(np.float32) for at, x in enumerate(judge.rows)]
    low = min(0.0, *(float((each.low / factor).min()) for each in inputs))
    high = max(0.0, *(float((each.high / factor).max()) for each in inputs))
    return judge.of_candidate(weights, rows, (low, high), quick=quick)


def inputs_in_turns(
    draft: GraphDraft, split: Split, groups: Sequence[InputGroup], step: str
) -> Iterator[tuple[InputGroup, GroupInputs | None]]:
    """What the layers of each group are fed in the float model, as many groups in one pass as fit into memory."""
    done = 0
    for turn in _turns(groups):
        layers = {n: (g.tensor, m) for g in turn for n, m in zip(g.layers, g.matrices, strict=True)}

        def told(share: float, done: int = done, turn: list[InputGroup] = turn) -> None:
            draft.tell(step, (done + len(turn) * share) / max(len(groups), 1))

        found = layer_inputs(draft.model.proto(), draft.model, split, layers, told)
        for group in turn:
            whole = all(name in found for name in group.layers)
            yield group, tuple(found[name] for name in group.layers) if whole else None
        done += len(turn)


def _turns(groups: Sequence[InputGroup]) -> list[list[InputGroup]]:
    turns: list[list[InputGroup]] = []
    room = 0
    for group in groups:
        size = sum(4 * ROWS * matrix.columns * matrix.groups for matrix in group.matrices)
        if not turns or size > room:
            turns.append([])
            room = _ROOM
        turns[-1].append(group)
        room -= size
    return turns


def say(draft: GraphDraft, group: InputGroup, text: str) -> None:
    """Remarks ``text`` on all layers of a group."""
    for layer in group.layers:
        draft.remark(layer, text)
