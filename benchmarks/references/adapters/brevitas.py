"""Brevitas: GPTQ, GPFQ, Qronos, half-quadratic scales and bias correction, layer by layer."""

from __future__ import annotations

from typing import Any

import onnx

from benchmarks.references.protocol import Case, Job

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "brevitas"
WHAT = (
    "GPTQ, GPFQ and Qronos (which, as ours, make up for what earlier layers' rounding did), half-quadratic scales and "
    "bias correction of Brevitas; weights alone, symmetric."
)

_KEPT = "layers: [{match: 'op:Gather', float: true}]"


def _weights(bits: int, granularity: str = "channel") -> str:
    return f"weights: {{format: int{bits}, granularity: {granularity}}}\n{_KEPT}"


CASES = (
    *(
        Case(subject, f"int{bits}, {word}", _weights(bits), "[gptq]",
             {"algorithm": theirs, "bits": bits}, {"algorithm": "nearest", "bits": bits})
        for subject, bits in (("text_lm", 4), ("digits_cnn", 3))
        for word, theirs in (("GPTQ", "gptq"), ("GPFQ against our GPTQ", "gpfq"), ("Qronos against our GPTQ", "qronos"))
    ),
    *(
        Case(subject, f"int{bits}, half-quadratic scales", _weights(bits), "[hqq]",
             {"algorithm": "hqo", "bits": bits}, {"algorithm": "nearest", "bits": bits})
        for subject, bits in (("text_lm", 4), ("glyphs_mobilenet", 4))
    ),
    *(
        Case("glyphs_mobilenet", f"int{bits}, a scale a {granularity}, bias correction", _weights(bits, granularity),
             "[bias_correction]", {"algorithm": "bias_correction", "bits": bits, "granularity": granularity},
             {"algorithm": "nearest", "bits": bits, "granularity": granularity})
        for bits, granularity in ((8, "tensor"), (4, "channel"))
    ),
)  # fmt: skip


def quantized(job: Job) -> onnx.ModelProto:
    """The graph with the values that the codes of Brevitas stand for."""
    import torch
    from brevitas.graph import calibrate

    from benchmarks.references.as_torch import TorchModel

    model: Any = TorchModel(job.model)
    algorithm = job.settings["algorithm"]
    _quantized_layers(model, job)
    model.eval()
    with torch.no_grad():
        model.run({name: values[:2] for name, values in job.calibration.items()})  # scales are set by the first run
        if algorithm == "bias_correction":
            with calibrate.bias_correction_mode(model):
                model.run(job.calibration)
        elif algorithm in ("gptq", "gpfq", "qronos"):
            _in_order(model, job, algorithm)
        found: onnx.ModelProto = model.with_weights(lambda layer: layer.quant_weight().value)
        return found


def _quantized_layers(model: Any, job: Job) -> None:
    """Puts the layers of Brevitas in the places of torch's."""
    import brevitas.nn as qnn
    from brevitas.graph.quantize import layerwise_quantize
    from brevitas.quant import scaled_int
    from torch import nn

    tensor = job.settings.get("granularity") == "tensor"
    hqo = "HQO" if job.settings["algorithm"] == "hqo" else ""
    kind = getattr(scaled_int, f"Int8Weight{'PerTensor' if tensor else 'PerChannel'}Float{hqo}")
    given = {
        "weight_quant": kind,
        "weight_bit_width": job.settings["bits"],
        "weight_scaling_impl_type": "parameter_from_stats",  # else its GPTQ takes a scale of each column by itself
        "return_quant_tensor": False,
    }
    kinds = {nn.Linear: (qnn.QuantLinear, given), nn.Conv2d: (qnn.QuantConv2d, given)}
    layerwise_quantize(model.layers, compute_layer_map=kinds)


def _in_order(model: Any, job: Job, algorithm: str) -> None:
    """Rounds layer after layer, as the programs of Brevitas' own examples do."""
    from brevitas.graph.gpfq import gpfq_mode
    from brevitas.graph.gptq import gptq_mode
    from brevitas.graph.qronos import Qronos

    if algorithm == "gptq":
        mode = gptq_mode(model, act_order=True, use_quant_activations=False)
    elif algorithm == "gpfq":
        mode = gpfq_mode(model, act_order=True, use_quant_activations=False, create_weight_orig=True)
    else:
        mode = gpfq_mode(
            model, act_order=True, use_quant_activations=False, create_weight_orig=True, algorithm_impl=Qronos
        )
    with mode as running:
        for _ in range(running.num_layers):
            for batch in job.batches(32):
                _run(running.model, model, batch)
            running.update()


def _run(whole: Any, model: Any, batch: Any) -> None:
    """One batch through the model, which the mode has made to stop at the layer that is being rounded."""
    import numpy as np
    import torch

    whole(*(torch.from_numpy(np.ascontiguousarray(batch[name])) for name in model.input_names))
