"""Which layers work on codes: those whose integer kernel saves something, and no others.

Every grid costs accuracy, so that one stands where a kernel uses it. Layers that multiply with weights (and products of
two activations) are worth it by themselves: what they read and what they make is put on grids. An operator without
an integer kernel never is. The other integer kernels (additions, pools, ...) are worth it between the former: where
what they read is codes already, and codes are what their readers want. In float they cost their neighbours nothing:
they read what the grid in front of them gives, and the grid behind them is the one that their readers need anyway.
Layers that only move values do so on codes where codes come; floats are moved as floats, because what is left behind a
Slice or the last step of a loop often has a narrower range.

In front of a softmax a sum is never put on a grid: what is added there may be a mask of large numbers, whether or not
the calibration data held one, and on one grid with them the scores would share a few codes. Where scores themselves
spread so far, by what was observed, they stay in float as well, whatever the calibrator.

Products whose power goes into a logarithm stay in float (``graph/before_log.py``).

The last product in front of float layers gives floats: nobody behind it wants codes, and integer kernels of matrix
products scale their sums to floats as well as to codes. Convolutions have none that do. Where the product is the
answer itself, its grid is what the answers of backends are compared on; where a Relu or Clip follows, bounds on codes
are free, and ONNX Runtime would fuse the bound with the product in float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import as_uniform
from qexplorer.graph.before_log import before_log
from qexplorer.graph.index import GraphIndex, reads_of
from qexplorer.load.operators import OperatorKind
from qexplorer.observe.stats import TensorStats
from qexplorer.quantize.constants import LINEAR
from qexplorer.quantize.decide import Decision, keep_float

__all__ = ["SPREAD", "coarse_scores", "comes_as_codes", "only_worthwhile"]

SPREAD = 32.0
"""Scores this far below the largest are nothing behind a softmax: exp(-32) is 1e-14, and float32 sums to 1e-7."""

_STEP = 1 / 8
"""Scores on steps of this size give probabilities that are up to 6 % wrong (half a step)."""

_Decisions = dict[str, Decision]


def only_worthwhile(decisions: Mapping[str, Decision], view: GraphIndex) -> _Decisions:
    """``decisions`` with those layers taken back to float that would lose accuracy on a grid and gain nothing."""
    heard = before_log(view)
    found = {
        name: _or_float(decision, _lost_in_front_of_a_log(decision, heard)) for name, decision in decisions.items()
    }
    found = {name: _or_float(decision, _no_kernel(decision)) for name, decision in found.items()}
    found = {name: _or_float(decision, _may_be_mask(decision, found, view)) for name, decision in found.items()}
    while True:
        reasons = {n: why for n, d in found.items() if (why := _not_between_codes(d, found, view))}
        if not reasons:
            last = _last_products(found, view)
            return {name: replace(decision, gives_floats=name in last) for name, decision in found.items()}
        found |= {n: keep_float(found[n], why) for n, why in reasons.items()}


def coarse_scores(decisions: Mapping[str, Decision], statistics: Mapping[str, TensorStats]) -> dict[str, str]:
    """Softmax layers on codes whose input spreads too far for its grid, with the reason."""
    found = {}
    for name, decision in decisions.items():
        stats = statistics.get(decision.data[0]) if decision.computes and decision.layer.op == "Softmax" else None
        if stats is None or not stats.histogram.count or decision.spec.activations is None:
            continue
        if not get_format(decision.spec.activations.format).is_uniform:
            continue  # their steps shrink towards zero
        spread = stats.histogram.maximum - stats.histogram.minimum
        wanted = as_uniform(get_format(decision.spec.activations.format), "an activation")
        if spread > SPREAD and spread / (wanted.qmax - wanted.qmin) > _STEP:
            found[name] = f"what it reads spreads over {spread:.3g}, most of which is nothing behind a softmax"
    return found


def _or_float(decision: Decision, why: str | None) -> Decision:
    return keep_float(decision, why) if why else decision


def _arithmetic(decision: Decision) -> bool:
    """Whether it is on codes, and is no layer that is worth it by itself."""
    return decision.computes and decision.rule is not None and decision.rule.kind is OperatorKind.ARITHMETIC


def _lost_in_front_of_a_log(decision: Decision, heard: Mapping[str, str]) -> str | None:
    log, activations = heard.get(decision.layer.name), decision.spec.activations
    if log is None or not decision.computes or activations is None or not get_format(activations.format).is_uniform:
        return None
    return f"its power goes into the logarithm '{log}', where quiet values count, which even steps would lose"


def _no_kernel(decision: Decision) -> str | None:
    if not _arithmetic(decision) or decision.rule is None or decision.rule.integer:
        return None
    return f"no integer kernel takes {decision.layer.op}, so that a grid would cost accuracy and gain nothing"


def _may_be_mask(decision: Decision, decisions: Mapping[str, Decision], view: GraphIndex) -> str | None:
    if not _arithmetic(decision) or decision.layer.op != "Add":
        return None
    if not any(each.layer.op == "Softmax" for each in _readers(decision, decisions, view)):
        return None
    return "what is added in front of a softmax may be a mask of large numbers, beside which scores share few codes"


def _not_between_codes(decision: Decision, decisions: Mapping[str, Decision], view: GraphIndex) -> str | None:
    """Why a layer of no worth of its own has nothing to save on codes, or None."""
    if decision.moves and not decision.bounds and not comes_as_codes(decision.data[0], decisions, view):
        follows = any(each.computes for each in _readers(decision, decisions, view))
        behind = "it moves floats: the grid stands behind it, where the first quantized layer reads"
        return behind if follows else "it reads floats, and no quantized layer follows"
    if not _arithmetic(decision):
        return None
    if not any(comes_as_codes(tensor, decisions, view) for tensor in decision.data):
        return "what it reads is computed in float, so that an integer kernel would save nothing"
    if not any(each.computes for each in _readers(decision, decisions, view)):
        return "no quantized layer reads what it makes, so that an integer kernel would save nothing"
    return None


def comes_as_codes(tensor: str, decisions: Mapping[str, Decision], view: GraphIndex) -> bool:
    """Whether a layer that computes on codes makes ``tensor``, directly or through layers that move codes."""
    maker = view.producer.get(tensor)
    while maker is not None and decisions[maker].moves:
        maker = view.producer.get(decisions[maker].data[0])
    return maker is not None and decisions[maker].makes_codes


def _last_products(decisions: Mapping[str, Decision], view: GraphIndex) -> set[str]:
    """Matrix products behind which all is computed in float, but for answers and for what a Relu or Clip reads."""
    leads_to_codes, kept = set[str](), set(view.outputs)
    found = set[str]()
    for name, decision in reversed(decisions.items()):  # type: ignore[call-overload]
        outputs = set(decision.layer.outputs)
        if decision.computes and decision.layer.op in LINEAR and not outputs & (leads_to_codes | kept):
            found.add(name)
        if name in view.nodes and (decision.computes or outputs & leads_to_codes):
            leads_to_codes |= set(reads_of(view.nodes[name]))
        if decision.layer.op in ("Relu", "Clip") or (decision.moves and outputs & kept):
            kept.add(decision.layer.inputs[0])
    return found


def _readers(decision: Decision, decisions: Mapping[str, Decision], view: GraphIndex) -> list[Decision]:
    """What reads the layer's outputs as data, directly or through layers that move codes."""
    found, left = list[Decision](), list(decision.layer.outputs)
    seen: set[str] = set()
    while left:
        tensor = left.pop()
        for name in view.consumers.get(tensor, ()):
            reader = decisions.get(name)
            if reader is None or name in seen:
                continue
            if reader.moves and tensor == reader.data[0]:
                seen.add(name)
                left += reader.layer.outputs
            elif tensor in reader.data:
                found.append(reader)
    return found
