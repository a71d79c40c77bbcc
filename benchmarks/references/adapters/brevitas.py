"""Brevitas: GPTQ, GPFQ, Qronos, half-quadratic scales, bias correction, learned rounding and equalization."""

from __future__ import annotations

from typing import Any

import onnx

from benchmarks.references.protocol import Case, Job

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "brevitas"
WHAT = (
    "GPTQ, GPFQ and Qronos (which, as ours, make up for what earlier layers' rounding did), half-quadratic scales and "
    "bias correction of Brevitas; learned rounding as its examples have it (1000 steps a layer), against our AdaRound; "
    "cross-layer equalization, ours rounded by Brevitas too; weights alone, symmetric: int4 has 15 levels there by "
    "default, and 16 here."
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
    Case("glyphs_mobilenet", "int4, learned rounding against our AdaRound", _weights(4), "[adaround]",
         {"algorithm": "learned_round", "bits": 4}, {"algorithm": "nearest", "bits": 4}),
    *(
        Case("glyphs_mobilenet", f"int{bits}, a scale a tensor, equalization", _weights(bits, "tensor"), "[equalize]",
             {"algorithm": "equalize", "bits": bits, "granularity": "tensor"},
             {"algorithm": "nearest", "bits": bits, "granularity": "tensor"}, by_theirs=True)
        for bits in (8, 6)
    ),
)  # fmt: skip


def quantized(job: Job) -> onnx.ModelProto:
    """The graph with the values that the codes of Brevitas stand for."""
    import torch
    from brevitas.graph import calibrate

    from benchmarks.references.as_torch import TorchModel

    algorithm = job.settings["algorithm"]
    model: Any = TorchModel(_equalized(job.model) if algorithm == "equalize" else job.model)
    _quantized_layers(model, job)
    model.eval()
    with torch.no_grad():
        model.run({name: values[:2] for name, values in job.calibration.items()})  # scales are set by the first run
        if algorithm == "bias_correction":
            with calibrate.bias_correction_mode(model):
                model.run(job.calibration)
        elif algorithm in ("gptq", "gpfq", "qronos"):
            _in_order(model, job, algorithm)
        elif algorithm == "learned_round":
            _learned(model, job)
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


def _equalized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The float model with its channels evened out, ReLU in the place of ReLU6 as Brevitas' own preparation does."""
    from brevitas.graph.equalize import EqualizeGraph

    from benchmarks.references.as_fx import traced, without_bounds
    from benchmarks.references.as_torch import TorchModel

    opened = without_bounds(model)
    held: Any = TorchModel(opened)
    EqualizeGraph(iterations=20).apply(traced(held, opened))
    found: onnx.ModelProto = held.with_weights(lambda layer: layer.weight)
    return found


def _learned(model: Any, job: Job) -> None:
    """Learns roundings layer by layer as Brevitas' example for pictures does, in float32 and in batches of 8."""
    import torch
    from brevitas_examples.common.learned_round import learned_round_args as args
    from brevitas_examples.common.learned_round.learned_round_method import LearnedRoundArgs
    from brevitas_examples.common.learned_round.learned_round_trainer import LearnedRoundTrainer, get_blocks
    from brevitas_examples.imagenet_classification.ptq import learned_round_utils as pictures

    training = args.TrainingArgs(
        optimizers_args=[args.OptimizerArgs("learned_round", "Adam", 1e-3, {}, None)],
        batch_size=8,
        iters=1000,
        losses_args=[
            args.LossArgs("round_reg", {}),
            args.LossArgs("mse", {"reduction": "none", "dim": 1}),
        ],
        use_best_model=False,
        use_amp=False,
    )
    rounding = args.HandlerSpec("learned_round", LearnedRoundArgs("hard_sigmoid", {}))
    torch.manual_seed(0)
    samples = [(torch.from_numpy(next(iter(batch.values()))), None) for batch in job.batches(32)]
    with torch.enable_grad():
        LearnedRoundTrainer(args.TrainerConfig(training, [rounding])).train(
            model,
            pictures.vision_forward,
            pictures.vision_block_forward,
            samples,
            pictures.CacheVision(),
            lambda module: get_blocks(module, pictures.is_layer),
        )
