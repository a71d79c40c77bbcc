"""The loop of algorithms that round each weight by the second moments of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from qexplorer.core.grid import Int32
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.moments import Moments, input_moments, within
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import GridWeight, grid_weights

__all__ = ["foretold", "round_weights"]


def foretold(draft: PlanDraft, title: str) -> Mapping[str, str]:
    """Which layers' weights the algorithm called ``title`` will round, and why not others', as clauses by layer."""
    weights, reasons = grid_weights(draft)
    will = {layer: f"{title} will choose its codes on calibration data" for each in weights for layer in each.layers}
    return will | {layer: _left(title, why) for layer, why in reasons.items()}


def round_weights(
    draft: PlanDraft, title: str, samples: int, codes: Callable[[GridWeight, Moments, Callable[[float], None]], Int32]
) -> None:
    """Rounds every weight that is on a grid, layer after layer, and says what that did to the layers' outputs.

    Inputs are those of the float network. A row keeps its nearest codes where those have the smaller error. The first
    layer is observed and rounded before the others are observed, so that its gain is told within moments.

    Args:
        draft: the plan.
        title: of the algorithm, as the plan names it.
        samples: calibration samples that are observed, at most.
        codes: chooses the codes of one weight, given the moments of its inputs (of all layers that read it together);
            tells the share that is done of it.
    """
    weights, reasons = grid_weights(draft)
    for layer, why in reasons.items():
        draft.remark(layer, _left(title, why))
    by_layer = {layer: each for each in weights for layer in each.layers}
    turns = _first_alone(within({layer: each.matrix for layer, each in by_layer.items()}))
    split = draft.calibration_of(samples)
    waiting = {each.layer: set(each.layers) for each in weights}
    kept: dict[str, Moments] = {}
    done = 0
    for turn in turns:
        layers = {name: (draft.view.nodes[name].input[0], by_layer[name].matrix) for name in turn}

        def observed(share: float, done: int = done, turn: list[str] = turn) -> None:
            draft.tell(f"{title}, observing the inputs of layers", (done + len(turn) * share / 2) / len(by_layer))

        found = input_moments(draft.model.proto(), draft.model, split, layers, observed)
        for place, name in enumerate(turn):
            weight = by_layer[name]
            if name in found:
                kept[weight.layer] = kept[weight.layer] + found[name] if weight.layer in kept else found[name]
            waiting[weight.layer].discard(name)

            def rounding(share: float, error: str = "", *, at: float = done + (len(turn) + place) / 2,
                         name: str = name) -> None:  # fmt: skip
                what = f"{title}, '{name}', error {error}" if error else f"{title}, rounding '{name}'"
                draft.tell(what, (at + share / 2) / len(by_layer))

            if not waiting[weight.layer]:
                with draft.timed(weight.layer):
                    _round(draft, title, weight, kept.pop(weight.layer, None), rounding, codes)
        done += len(turn)


def _first_alone(turns: list[list[str]]) -> list[list[str]]:
    """The first layer in a turn of its own."""
    if not turns or len(turns[0]) < 2:
        return turns
    return [turns[0][:1], turns[0][1:], *turns[1:]]


def _round(
    draft: PlanDraft,
    title: str,
    weight: GridWeight,
    moments: Moments | None,
    told: Callable[..., None],
    codes: Callable[[GridWeight, Moments, Callable[[float], None]], Int32],
) -> None:
    told(0.0)
    if moments is None or not np.isfinite(moments).all():
        draft.remark(weight.layer, _left(title, "its inputs are not finite on the calibration data"))
        return
    found = better_codes(weight, codes(weight, moments, told), moments)
    if found.rows:
        draft.set_codes(weight.layer, weight.position, found.codes, grid=weight.grid)
    draft.remark(weight.layer, found.said(title))
    told(1.0, f"{found.after:.3g} of the output's size, nearest {found.before:.3g}")


def _left(title: str, why: str) -> str:
    return f"{title} left its weight as it was: {why}"
