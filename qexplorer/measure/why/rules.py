"""The causes that are looked for in single layers, as a table: who they are about, what is said, what helps.

Each layer that runs in float, or in integers without gaining, is counted under the first rule that applies to it; so
the order goes from what is certain (the recipe asks for it) to what is left over. To add one: a rule here, a line in
``docs/why_not_faster.md``, a test.
"""

from __future__ import annotations

from qexplorer.machine.cpu import DOT_PRODUCTS, HALF_FEATURES
from qexplorer.measure.why.rule_fixes import (
    EIGHT_BITS,
    INT8,
    UINT8,
    kept_float,
    kept_float_alone,
    known_formats,
    rules_out,
)
from qexplorer.measure.why.rule_types import Case, CauseRule, Found
from qexplorer.measure.why.words import listed, milliseconds
from qexplorer.run.protocol import KernelKind

__all__ = ["EXPECTED_FLOAT", "LAYER_RULES"]

EXPECTED_FLOAT = frozenset({"decoded_weights", "signed_expected", "block_weights", "no_kernel", "format"})
"""Rules that expect kernels in float where nothing was seen to run; a list of the kernels that ran can refute them."""
_UNPACKING = 1.2
"""A weight-only layer that takes so many times as long as in float, or longer, pays for unpacking."""


def _half_lacks(case: Case) -> bool:
    spec = case.fact.activations
    return case.row.treatment == "half" and spec is not None and case.world.lacks(HALF_FEATURES.get(spec.format, ()))


def _half_words(found: Found) -> str:
    spec = found.facts[0].activations
    name = "fp16" if spec is None else spec.format
    return (
        f"This processor computes nothing in {name} (it lacks {listed(HALF_FEATURES[name])}), so it is computed "
        "in float32."
    )


def _unpacked_in_calls(case: Case) -> bool:
    """A weight-only layer slower than in float, whose kernel unpacks weights or has a DequantizeLinear before it."""
    row = case.row
    if row.treatment != "weight-only" or row.float_ms is None or row.whole_ms is None:
        return False
    unpacks = (row.kernel or "").endswith("weights)") or bool(row.convert_ms)
    return unpacks and row.whole_ms > _UNPACKING * row.float_ms


def _unpacking_words(found: Found) -> str:
    before = sum(row.float_ms or 0.0 for row in found.rows)
    now = sum(row.whole_ms or 0.0 for row in found.rows)
    return (
        f"All their weights are turned to floats in every call, before any product: {milliseconds(now)}, in float "
        f"{milliseconds(before)}. Only products on 4-bit weights and few rows read packed weights as they are."
    )


def _unknown_format(case: Case) -> bool:
    able, fact = case.world.backend.capabilities, case.fact
    return (fact.activations is not None and fact.activations.format not in able.activation_formats) or (
        fact.weights is not None and fact.weights.format not in able.weight_formats
    )


def _signed_is_slow(case: Case) -> bool:
    """An integer product of signed matrices that reaches no more than one of that kind does here.

    Convolutions are left out: ONNX Runtime's make their codes unsigned first.
    """
    peak, reached = case.world.ceiling, case.row.quantized_gops
    if case.row.kind is not KernelKind.INTEGER or not case.fact.signed or peak is None or reached is None:
        return False
    if case.row.op not in ("MatMul", "Gemm"):
        return False
    if not peak.int8_gops or not peak.int8_signed_gops or peak.int8_signed_gops > 0.5 * peak.int8_gops:
        return False
    return case.world.backend.capabilities.prefers_unsigned and reached < 1.5 * peak.int8_signed_gops


def _signed_words(found: Found) -> str:
    peak = found.world.ceiling
    signed, unsigned = (0.0, 0.0) if peak is None else (peak.int8_signed_gops or 0.0, peak.int8_gops or 0.0)
    return (
        f"A product of signed codes by signed codes reaches {signed:.0f} GOP/s here, one of unsigned by signed codes "
        f"{unsigned:.0f}: only the latter uses the processor's dot products."
    )


def _dynamic_words(found: Found) -> str:
    kernels = sum(row.quantized_ms or 0.0 for row in found.rows)
    ranges = sum(row.convert_ms or 0.0 for row in found.rows)
    before = sum(row.float_ms or 0.0 for row in found.rows)
    return (
        f"Products and scaling their sums back to floats takes {milliseconds(kernels)}, finding ranges and rounding "
        f"{milliseconds(ranges)}, in every call; in float the same layers take {milliseconds(before)}."
    )


def _memory_bound(case: Case) -> bool:
    peak, intensity = case.world.ceiling, case.row.quantized_intensity
    if peak is None or not intensity or not peak.memory_gb_per_s or not peak.fp32_gflops:
        return False
    return intensity * peak.memory_gb_per_s < peak.fp32_gflops


def _memory_words(found: Found) -> str:
    peak = found.world.ceiling
    speed = 0.0 if peak is None or peak.memory_gb_per_s is None else peak.memory_gb_per_s
    least = min(row.quantized_intensity or 0.0 for row in found.rows)
    return (
        f"They do {least:.2g} operations and more for each byte: at the {speed:.0f} GB/s measured here, memory limits "
        "them before arithmetic does, so that faster arithmetic changes little."
    )


def _left_in_float(case: Case) -> bool:
    """Whether the recipe leaves the layer in float, and it runs so."""
    return case.row.kind is KernelKind.FLOAT and case.row.treatment == "float"


LAYER_RULES: tuple[CauseRule, ...] = (
    CauseRule(
        "half_no_hardware",
        _half_lacks,
        "in float: no arithmetic in 16-bit floats here",
        _half_words,
        "Use 8-bit integers; 16-bit floats save memory here, not time.",
        EIGHT_BITS,
    ),
    CauseRule(
        "half",
        lambda case: case.row.treatment == "half",
        "in float: 16-bit floats bring no gain",
        lambda found: f"{found.label} has no kernel here that gains from 16-bit floats.",
        "Use 8-bit integers.",
        EIGHT_BITS,
    ),
    CauseRule(
        "decoded_weights",
        lambda case: case.row.treatment in ("weight-only", "quantized", "dynamic") and case.decodes_weights,
        "in float: their weights are decoded to floats",
        "Levels that are not evenly spaced have no integer arithmetic: weights become floats when the file is loaded "
        "or in every call, which makes the file smaller, not the time.",
        "Use 8-bit integers, so that products can be integer.",
        EIGHT_BITS,
    ),
    CauseRule(
        "unpacked_in_calls",
        _unpacked_in_calls,
        "in float, and slower: their weights are unpacked in every call",
        _unpacking_words,
        "Quantize activations too, or leave these layers in float. Where no layer has 8-bit activations, ONNX Runtime "
        "can be told to unpack once: session.disable_quant_qdq=1, which the backend 'ONNX Runtime (weights unpacked)' "
        "sets.",
        EIGHT_BITS,
    ),
    CauseRule(
        "weight_only",
        lambda case: case.row.treatment == "weight-only",
        "in float: only their weights are quantized",
        "Weights are unpacked to float, and all arithmetic is float: this makes the file smaller, not the time.",
        "Quantize activations too, so that products can be integer.",
        EIGHT_BITS,
    ),
    CauseRule(
        "wide_activations",
        lambda case: case.floats and case.activation_bits == 16,
        "in float: 16-bit activations",
        lambda found: f"{found.label} has no integer kernel for 16-bit codes: they are turned to float first.",
        "Use 8-bit activations.",
        {"activations": UINT8},
    ),
    CauseRule(
        "block_weights",
        lambda case: case.floats and case.fact.weights is not None and case.fact.weights.granularity == "block",
        "in float: weights with a scale for each block",
        "An integer sum runs over all inputs of a channel, so one scale must hold for them; blocks are unpacked.",
        "Use one scale for each channel.",
        {"weights": {"granularity": "channel"}},
    ),
    CauseRule(
        "wide_weights",
        lambda case: case.floats and case.weight_bits == 16,
        "in float: 16-bit weights",
        lambda found: f"{found.label} has no integer kernel for 16-bit weights.",
        "Use 8-bit weights.",
        {"weights": INT8},
    ),
    CauseRule(
        "format",
        lambda case: case.floats and _unknown_format(case),
        "in float: formats without integer kernels",
        lambda found: (
            f"{found.label} computes in integers on weights of {_all(found.world.backend.capabilities.weight_formats)} "
            f"and activations of {_all(found.world.backend.capabilities.activation_formats)}."
        ),
        "Use formats that it has kernels for.",
        known_formats,
    ),
    CauseRule(
        "signed_float",
        lambda case: case.floats and case.measured and case.fact.signed and case.row.treatment != "dynamic",
        "in float: signed activations",
        "With zero in the middle of the codes a ReLU stays a step of its own, and keeps what is around it from fusing.",
        "Use unsigned asymmetric activations: their lowest code is the ReLU's zero, and the ReLU disappears.",
        {"activations": UINT8},
    ),
    CauseRule(
        "signed_expected",
        lambda case: case.row.predicted and case.fact.signed and case.world.backend.capabilities.prefers_unsigned,
        "on signed activations: some of them will fall back to float",
        "With zero in the middle of the codes a ReLU stays a step of its own, and keeps what is around it from fusing.",
        "Use unsigned asymmetric activations: their lowest code is the ReLU's zero, and the ReLU disappears.",
        {"activations": UINT8},
    ),
    CauseRule(
        "signed_slow",
        _signed_is_slow,
        "in a slow integer kernel: signed activations",
        _signed_words,
        "Use unsigned asymmetric activations.",
        {"activations": UINT8},
    ),
    CauseRule(
        "rule",
        lambda case: _left_in_float(case) and case.fact.rule is not None,
        "in float: a rule of the recipe keeps them there",
        lambda found: found.reasons,
        "Take the rule out, if accuracy allows.",
        rules_out,
    ),
    CauseRule(
        "no_form",
        lambda case: _left_in_float(case) and not case.fact.layer.quantizable,
        lambda found: f"in float: {found.operators} cannot be quantized",
        lambda found: found.reasons,
        "Replace the operator in the model by one with integer kernels (such as ReLU), and train it again.",
    ),
    CauseRule(
        "float_island",
        _left_in_float,
        "in float: the recipe does not reach them",
        lambda found: found.reasons,
        "Look on page Quantize at what keeps them in float.",
    ),
    CauseRule(
        "dynamic_float",
        lambda case: case.floats and case.row.treatment == "dynamic",
        "in float: dynamic activations",
        lambda found: f"{found.label} has no integer kernels for layers whose ranges are found in every call.",
        "Use static activations: their ranges come from calibration.",
        {"activations": {"mode": "static"}},
    ),
    CauseRule(
        "no_kernel",
        lambda case: case.row.kind is KernelKind.FLOAT,
        lambda found: f"in float: no integer kernel for {found.operators} here",
        lambda found: f"{found.label} turns codes to float for them and back: they cost more than in float.",
        "Keep them in float, which saves converting; or choose another backend.",
        kept_float,
    ),
    CauseRule(
        "dynamic",
        lambda case: case.row.treatment == "dynamic" and case.measured,
        "no faster: dynamic activations",
        _dynamic_words,
        "Use static activations: their ranges come from calibration.",
        {"activations": {"mode": "static"}},
    ),
    CauseRule(
        "conversions",
        lambda case: case.measured and (case.row.convert_ms or 0.0) > 0.3 * (case.row.whole_ms or 0.0),
        "no faster: converting costs what integers save",
        "Codes are made of floats, or floats of codes, around them, because what is next to them runs in float.",
        "Put right what keeps other layers in float; or keep these there as well, so that there is nothing to convert.",
        kept_float_alone,
    ),
    CauseRule(
        "no_dot_products",
        lambda case: bool(case.row.macs) and case.world.lacks(DOT_PRODUCTS),
        "no faster than in float: this processor has no 8-bit dot products",
        f"It has none of {listed(DOT_PRODUCTS, 9)}: 8-bit products take about as many steps as float ones.",
        "Run it on a processor that has one of them.",
    ),
    CauseRule(
        "few_channels",
        lambda case: case.measured and case.row.op == "Conv" and 0 < case.channels <= 4 and not case.fact.depthwise,
        "no faster: few input channels",
        "Sums over so few channels are short: what goes on around the products weighs more than they do.",
        "Keep it in float where it is the first layer: its input comes in float anyway.",
        kept_float_alone,
    ),
    CauseRule(
        "depthwise",
        lambda case: case.measured and case.fact.depthwise,
        "no faster: depthwise",
        "Each channel is multiplied with a few weights only: too little arithmetic to fill dot products.",
        "Leave them as they are: in float they would cost conversions on top.",
    ),
    CauseRule(
        "memory_bound",
        lambda case: case.measured and _memory_bound(case),
        "no faster: memory-bound",
        _memory_words,
        "Larger batches use each weight more often; fewer bits move fewer bytes.",
    ),
    CauseRule(
        "slower_kernel",
        lambda case: case.measured,
        "no faster in integers than in float",
        lambda found: f"The integer kernels of {found.label} are no faster than its float ones for these shapes.",
        "Little: in float they would need conversions on top. Where most layers are like this, stay in float.",
    ),
)


def _all(formats: frozenset[str]) -> str:
    return listed(sorted(formats), 9) or "no format"
