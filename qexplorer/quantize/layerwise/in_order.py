"""The loop of algorithms that round each weight on what the network rounded so far feeds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qexplorer.core.grid import Int32
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.both_inputs import BothMoments, both_moments
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import GridWeight, grid_weights

__all__ = ["Told", "foretold", "round_in_order"]

Told = Callable[[float], None]
"""Told the share that is done of one weight; may raise Cancelled."""


def foretold(draft: PlanDraft, title: str) -> Mapping[str, str]:
    """Which layers' weights the algorithm called ``title`` will round, and why not others', as clauses by layer."""
    weights, reasons = grid_weights(draft)
    will = {layer: f"{title} will choose its codes on calibration data" for each in weights for layer in each.layers}
    return will | {layer: _left(title, why) for layer, why in (reasons | _tables(draft)).items()}


def _tables(draft: PlanDraft) -> dict[str, str]:
    """Why tables of fewer than 8 bits that layers look rows up in are not rounded, by layer."""
    plan, reasons = draft.plan, dict[str, str]()
    read = Counter(key for places in plan.constants.values() for key in places.values())
    for layer in plan.layers:
        key = plan.constants.get(layer.name, {}).get(0) if layer.op == "Gather" else None
        if key is not None and read[key] == 1 and plan.tensors[key].grid.format.bits < 8:
            reasons[layer.name] = (
                "its rows are looked up, and no input is multiplied with them that could tell which errors matter; the "
                "option 'embed8' of a recipe's name keeps such tables in 8 bits"
            )
    return reasons


def round_in_order(
    draft: PlanDraft, title: str, samples: int, codes: Callable[[GridWeight, BothMoments, Told], Int32]
) -> None:
    """Rounds every weight that is on a grid, layer after layer, and says what that did to the layers' outputs.

    Errors are those of what the float network makes there, with inputs as the rounded network gives them. A row keeps
    its nearest codes where those have the smaller error. The last layer's gain is told with every step, so that whoever
    looks now and then sees it.

    Args:
        draft: the plan.
        title: of the algorithm, as the plan names it.
        samples: calibration samples that are observed, at most.
        codes: chooses the codes of one weight, given the moments of its inputs (of all layers that read it together).
    """
    weights, reasons = grid_weights(draft)
    for layer, why in (reasons | _tables(draft)).items():
        draft.remark(layer, _left(title, why))
    by_layer = {layer: each for each in weights for layer in each.layers}
    split = draft.calibration_of(samples)
    waiting = {each.layer: set(each.layers) for each in weights}
    kept: dict[str, BothMoments] = {}
    said, done = _Said(draft, title, len(by_layer)), 0
    for turn in _turns(draft, by_layer) if split.n else ():

        def observed(share: float, done: int = done, turn: list[str] = turn) -> None:
            said.tell(f"observing the inputs of '{turn[0]}'", done + len(turn) * share / 2)

        tensor = draft.view.nodes[turn[0]].input[0]
        found = both_moments(draft, split, tensor, [by_layer[name].matrix for name in turn], observed)
        for place, name in enumerate(turn):
            weight = by_layer[name]
            if found:
                kept[weight.layer] = kept[weight.layer] + found[place] if weight.layer in kept else found[place]
            waiting[weight.layer].discard(name)

            def told(share: float, *, at: float = done + (len(turn) + place) / 2, name: str = name) -> None:
                said.tell(f"rounding '{name}'", at + share / 2)

            if not waiting[weight.layer]:
                with draft.timed(weight.layer):
                    _round(draft, weight, kept.pop(weight.layer, None), said, told, codes)
                told(1.0)
        done += len(turn)


def _turns(draft: PlanDraft, by_layer: Mapping[str, GridWeight]) -> list[list[str]]:
    """Layers in execution order; neighbours that read the same tensor are one turn."""
    turns: list[list[str]] = []
    last = ""
    for layer in draft.plan.layers:
        if layer.name not in by_layer:
            continue
        tensor = draft.view.nodes[layer.name].input[0]
        if turns and tensor == last:
            turns[-1].append(layer.name)
        else:
            turns.append([layer.name])
        last = tensor
    return turns


@dataclass(slots=True)
class _Said:
    """What is told of the work, with the last layer's gain until the next one's is known."""

    draft: PlanDraft
    title: str
    layers: int
    gain: str = ""

    def tell(self, what: str, done: float) -> None:
        """Tells a step; ``done`` in layers."""
        self.draft.tell(f"{self.title}, {what}{self.gain}", done / self.layers)


def _round(
    draft: PlanDraft,
    weight: GridWeight,
    moments: BothMoments | None,
    said: _Said,
    told: Told,
    codes: Callable[[GridWeight, BothMoments, Told], Int32],
) -> None:
    told(0.0)
    if moments is None or not moments.finite():
        draft.remark(weight.layer, _left(said.title, "its inputs are not finite on the calibration data"))
        return
    found = better_codes(weight, codes(weight, moments, told), moments)
    if found.rows:
        draft.set_codes(weight.layer, weight.position, found.codes, grid=weight.grid)
    draft.remark(weight.layer, found.said(said.title))
    said.gain = f"; '{weight.layer}': error {found.after:.3g} of the output's size, nearest {found.before:.3g}"


def _left(title: str, why: str) -> str:
    return f"{title} left its weight as it was: {why}"
