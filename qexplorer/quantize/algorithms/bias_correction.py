"""Bias correction: what quantizing shifts a layer's outputs by on average is taken off its bias.

With ``eps = W_q - W`` the outputs of a layer shift by ``E[W_q x] - E[W x] = eps E[x]`` in each output channel, which
the bias can take back: ``E[y] = E[y_q] - eps E[x]`` (Nagel et al. 2019, section 4.2). Here the shift is measured, not
derived, so that it holds what earlier layers and rounded inputs bring along. For each layer in the order of execution

    b_c  <-  b_c - mean(y_q[:, c] - y[:, c])

over calibration samples and positions, where ``y`` is the output of the float layer in the float network, and ``y_q``
that of the quantized layer in the quantized network whose earlier layers are corrected already: the empirical variant,
Nagel et al. 2019, appendix D. (Banner et al. 2019 correct the mean of the weights instead, without data.) Outputs are
compared before they are rounded or clipped to a grid of their own.

The analytic variant (section 4.2.1) asks for ``eps E[x]`` alone, in one pass of the float network: behind a Relu or
Clip ``E[x]`` is the mean of a clipped normal, elsewhere the observed one (``layerwise.expected_shift``). It is faster
and does not see what earlier layers and rounded inputs bring along.

The bias of an integer layer is rounded to its int32 grid, ``scale_x * scale_w``; others stay in float. A convolution or
Gemm without a bias gets one. A MatMul takes the constant of the addition behind it; where there is none it gets an
addition, unless it is quantized statically: integer kernels of products add nothing before they round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Float32, dequantize, fake_quantize, quantize
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Observed
from qexplorer.graph.attributes import number
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.constants import LARGEST_BIAS, bias_plan, bias_vector, operand_grid, takes_int32_bias
from qexplorer.quantize.emit.part import emit_up_to
from qexplorer.quantize.layerwise.bias_places import BiasPlace, bias_places
from qexplorer.quantize.layerwise.channel_means import Means, channel_means
from qexplorer.quantize.layerwise.expected_shift import expected_inputs, shift_of
from qexplorer.quantize.layerwise.matrices import matrix_of
from qexplorer.quantize.plan_types import TensorPlan

__all__ = ["ENTRIES", "BiasCorrection", "BiasCorrectionOptions"]


class BiasCorrectionOptions(AlgorithmOptions):
    """How the mean error is found, and on how much."""

    way: Literal["empirical", "analytic"] = Field(
        "empirical",
        title="Way",
        description="Empirical: measured in the quantized network, layer after layer. Analytic: from the errors of "
        "weights and expected inputs, in one pass.",
    )
    samples: Observed = Field(
        512, description="Calibration samples that the mean error of each layer is measured on, at most."
    )


@dataclass(frozen=True, slots=True)
class BiasCorrection:
    """Takes the mean error of each layer's outputs off its bias, layer after layer."""

    name: str = "bias_correction"
    title: str = "Bias correction"
    description: str = (
        "Takes the mean error of each layer's outputs off its bias, measured on calibration data layer after layer; "
        "helps most with few bits and with one scale for a whole weight."
    )
    source: str = (
        "Nagel et al. 2019, Data-free quantization through weight equalization and bias correction, section 4.2"
    )
    options: type[AlgorithmOptions] = BiasCorrectionOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.BIASES
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: BiasCorrectionOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' biases will be corrected, and why not others'."""
        places, reasons = bias_places(draft.plan, draft.view)
        will = {place.layer: "its bias will be corrected on calibration data" for place in places}
        return will | {layer: _not_corrected(why) for layer, why in reasons.items()}

    def change_plan(self, draft: PlanDraft, options: BiasCorrectionOptions) -> None:
        """Measures and corrects."""
        places, reasons = bias_places(draft.plan, draft.view)
        for layer, why in reasons.items():
            draft.remark(layer, _not_corrected(why))
        if not places:
            return
        split = draft.calibration_of(options.samples)
        if options.way == "analytic":
            _analytic(draft, split, places)
            return
        wanted = _float_means(draft, split, places)
        for done, place in enumerate(places):
            with draft.timed(place.layer):
                found = _quantized_mean(draft, split, place, done, len(places))
                _correct(draft, place, found - wanted[place.output], f"on {split.n} samples")


def _not_corrected(why: str) -> str:
    return f"bias not corrected: {why}"


def _analytic(draft: PlanDraft, split: Split, places: list[BiasPlace]) -> None:
    """Corrects by expected inputs."""
    matrices = {place.layer: matrix_of(draft.view.nodes[place.layer], draft.view) for place in places}
    known = [(layer, matrix) for layer, matrix in matrices.items() if not isinstance(matrix, str)]

    def told(share: float) -> None:
        draft.tell("correcting biases, expected inputs", share)

    expected = expected_inputs(draft.model, draft.view, split, known, told)
    for place in places:
        matrix, found = matrices[place.layer], expected.get(place.layer)
        if isinstance(matrix, str) or found is None:
            why = matrix if isinstance(matrix, str) else "no calibration sample reaches it"
            draft.remark(place.layer, _not_corrected(why))
            continue
        values, tensor = draft.values(place.layer, 1), draft.plan.tensors[draft.plan.constants[place.layer][1]]
        assert values is not None, "what is on a grid is a constant"
        codes = quantize(values, tensor.grid) if tensor.codes is None else tensor.codes
        error = dequantize(codes, tensor.grid).astype(np.float64) - values
        alpha = number(draft.view.nodes[place.layer], "alpha", 1.0)
        _correct(draft, place, alpha * shift_of(error, matrix, found.mean), f"by {found.by}")


def _float_means(draft: PlanDraft, split: Split, places: list[BiasPlace]) -> Means:
    axes = {place.output: place.axis for place in places}

    def told(share: float) -> None:
        draft.tell("correcting biases, means of the float model", share / (len(places) + 1))

    return channel_means(draft.model.proto(), draft.model, split, axes, told)


def _quantized_mean(draft: PlanDraft, split: Split, place: BiasPlace, number: int, total: int) -> NDArray[np.float64]:
    """The mean output of one layer in the quantized network, corrected as far as it is."""

    def told(share: float) -> None:
        draft.tell(f"correcting biases, layer {number + 1} of {total}", (1 + number + share) / (total + 1))

    told(0.0)
    proto = emit_up_to(draft.model, draft.recipe, draft.plan, place.output)
    output = proto.graph.output[0].name
    return channel_means(proto, draft.model, split, {output: place.axis}, told)[output]


def _correct(draft: PlanDraft, place: BiasPlace, error: NDArray[np.float64], how: str) -> None:
    """Takes ``error``, shape ``(channels,)``, off the bias, and says so, and how it was found."""
    if not np.isfinite(error).all():
        draft.remark(place.layer, _not_corrected("its outputs are not finite on the calibration data"))
        return
    values = _corrected(draft, place, error)
    tensor = _tensor(draft, place, values)
    if tensor is not None and tensor.kind == "bias" and not _fits(values, tensor):
        draft.remark(place.layer, _not_corrected("the corrected bias does not fit into int32"))
        return
    draft.set_constant(place.holder, place.position, values, tensor=tensor)
    text = f"bias corrected: mean error of its outputs {how} was up to {np.abs(error).max():.3g}"
    if place.holder != place.layer:
        text += f"; it is taken off the constant of '{place.holder}'"
    draft.remark(place.layer, text)


def _fits(values: Float32, bias: TensorPlan) -> bool:
    """Whether the codes of a bias leave room for sums (see ``widen_for_biases``)."""
    return bool(np.all(np.abs(values) <= bias.grid.scale.astype(np.float64) * LARGEST_BIAS))


def _corrected(draft: PlanDraft, place: BiasPlace, error: NDArray[np.float64]) -> Float32:
    """The bias without the error: a vector, or a matrix where the bias differs from row to row.

    The error was measured with the old bias on its grid, so that it is the rounded one that it is taken off.
    """
    old = draft.values(place.holder, place.position)
    key = draft.plan.constants.get(place.holder, {}).get(place.position)
    if old is None:
        return np.asarray(-error / place.factor, np.float32)
    vector = bias_vector(old, place.channels)
    if place.holder == place.layer and vector is not None:
        used = vector if key is None else fake_quantize(vector, draft.plan.tensors[key].grid)
        return np.asarray(used - error / place.factor, np.float32)
    return np.asarray(old - error / place.factor, np.float32)


def _tensor(draft: PlanDraft, place: BiasPlace, values: Float32) -> TensorPlan | None:
    """The grid that the corrected bias is put on, or None if it stays in float."""
    plan = draft.plan
    key = plan.constants.get(place.holder, {}).get(place.position)
    if place.holder != place.layer:
        spec = draft.recipe.for_layer(place.holder, "Add").activations
        if key is None or spec is None:
            return None
        return replace(plan.tensors[key], grid=operand_grid(values, spec))
    if key is not None:
        return plan.tensors[key]
    node = draft.view.nodes[place.layer]
    weight, activation = plan.tensors[plan.constants[place.layer][1]], plan.tensors.get(node.input[0])
    static = plan.layer(place.layer).treatment == "quantized"
    given: Any = len(node.input) > place.position and node.input[place.position]
    if given or not static or activation is None or not takes_int32_bias(node, weight, activation):
        return None
    return bias_plan("", activation, weight.grid)


ENTRIES = (BiasCorrection(),)
