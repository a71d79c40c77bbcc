"""The loop of algorithms that round each weight on what the network rounded so far feeds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qexplorer.core.grid import Int32
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.both_inputs import BothMoments, both_moments
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import GridWeight, grid_weights

__all__ = ["round_in_order"]


def round_in_order(
    draft: PlanDraft, title: str, samples: int, codes: Callable[[GridWeight, BothMoments], Int32]
) -> None:
    """Rounds every weight that is on a grid, layer after layer, and says what that did to the layers' outputs.

    Errors are those of what the float network makes there, with inputs as the rounded network gives them. A row keeps
    its nearest codes where those have the smaller error.

    Args:
        draft: the plan.
        title: of the algorithm, as the plan names it.
        samples: calibration samples that are observed, at most.
        codes: chooses the codes of one weight, given the moments of its inputs (of all layers that read it together).
    """
    weights, reasons = grid_weights(draft)
    for layer, why in reasons.items():
        draft.remark(layer, f"{title} left its weight as it was: {why}")
    by_layer = {layer: each for each in weights for layer in each.layers}
    split = draft.calibration_of(samples)
    waiting = {each.layer: set(each.layers) for each in weights}
    kept: dict[str, BothMoments] = {}
    done = 0
    for turn in _turns(draft, by_layer) if split.n else ():

        def observed(share: float, done: int = done, turn: list[str] = turn) -> None:
            draft.tell(f"{title}, observing the inputs of '{turn[0]}'", (done + len(turn) * share / 2) / len(by_layer))

        tensor = draft.view.nodes[turn[0]].input[0]
        found = both_moments(draft, split, tensor, [by_layer[name].matrix for name in turn], observed)
        for place, name in enumerate(turn):
            weight = by_layer[name]
            if found:
                kept[weight.layer] = kept[weight.layer] + found[place] if weight.layer in kept else found[place]
            waiting[weight.layer].discard(name)
            if not waiting[weight.layer]:
                with draft.timed(weight.layer):
                    error = _round(draft, title, weight, kept.pop(weight.layer, None), codes)
                share = (done + (len(turn) + place + 1) / 2) / len(by_layer)
                draft.tell(f"{title}, '{name}'{error}", share)
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


def _round(
    draft: PlanDraft,
    title: str,
    weight: GridWeight,
    moments: BothMoments | None,
    codes: Callable[[GridWeight, BothMoments], Int32],
) -> str:
    """Rounds one weight; its errors, as the end of a sentence."""
    if moments is None or not moments.finite():
        why = "its inputs are not finite on the calibration data"
        draft.remark(weight.layer, f"{title} left its weight as it was: {why}")
        return ""
    found = better_codes(weight, codes(weight, moments), moments)
    if found.rows:
        draft.set_codes(weight.layer, weight.position, found.codes, grid=weight.grid)
    draft.remark(weight.layer, found.said(title))
    return f", error {found.after:.3g} of the output's size, nearest {found.before:.3g}"
