"""torchao's quantizers of Linear: HQQ, AWQ and SmoothQuant."""

from __future__ import annotations

from typing import Any

from torch import nn

from benchmarks.references.protocol import Case, Job, Result

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "torchao"
WHAT = (
    "HQQ (of scales alone), AWQ and SmoothQuant of torchao; layers with weights alone. SmoothQuant: int8 with a scale "
    "a channel, activations rounded as they come, one scale and zero point a tensor; rounded each by its own "
    "quantizer, or both by torchao's. (Its GPTQ runs on CUDA alone.)"
)

_KEPT = "layers: [{match: 'op:Gather', float: true}]"
_BLOCKS = f"weights: {{format: int4, granularity: block, block: 16}}\n{_KEPT}"
_W8A8 = (
    "weights: {format: int8, granularity: channel}\nactivations: {format: uint8, mode: dynamic}\n"
    "layers: [{match: 'op:Gather', float: true}, {match: 'op:Conv', float: true}]"
)

CASES = (
    *(
        Case(subject, f"int4, blocks of 16, {word}", _BLOCKS, f"[{ours}]",
             {"algorithm": ours}, {"algorithm": "nearest"}, seeds=seeds)
        for subject, seeds in (("text_lm", 1), ("gpt-outliers", 3))
        for word, ours in (("HQQ", "hqq"), ("AWQ", "awq"))
    ),
    *(
        Case(subject, f"int8 and dynamic int8, SmoothQuant{word}", _W8A8, "[smoothquant]",
             {"algorithm": "smoothquant"}, {"algorithm": "dynamic"}, by_theirs=by_theirs, seeds=seeds)
        for subject, seeds in (("digits_vit", 3), ("gpt-outliers", 3), ("bert-outliers", 3))
        for word, by_theirs in ((", each by its own", False), ("", True))
    ),
    Case("digits_vit", "int8 and dynamic int8, SmoothQuant, factors judged on the samples that they are made of", _W8A8,
         "[smoothquant]", {"algorithm": "smoothquant"}, {"algorithm": "dynamic"}, by_theirs=True, seeds=3,
         own_samples=True),
)  # fmt: skip


def quantized(job: Job) -> Result:
    """What the model answers with torchao's layers."""
    import torch
    from torchao.quantization import quantize_

    from benchmarks.references.as_torch import TorchModel

    model, algorithm = TorchModel(job.model), job.settings["algorithm"]
    if algorithm == "awq":
        _awq(model, job)
    elif algorithm == "smoothquant":
        _smoothquant(model, job)
    else:
        quantize_(model.layers, _config(algorithm), filter_fn=_linear)
    with torch.no_grad():
        return [model.run(job.evaluation)]


def _linear(module: nn.Module, _: str) -> bool:
    return isinstance(module, nn.Linear)


def _config(algorithm: str) -> Any:
    import torch
    from torchao import quantization as ao
    from torchao.quantization.quantize_.workflows import IntxChooseQParamsAlgorithm as Choices

    if algorithm in ("dynamic", "smoothquant"):
        return ao.Int8DynamicActivationInt8WeightConfig(
            granularity=[ao.PerTensor(), ao.PerRow()], act_mapping_type=ao.MappingType.ASYMMETRIC, version=2
        )
    choice = Choices.HQQ_SCALE_ONLY if algorithm == "hqq" else Choices.AFFINE
    return ao.IntxWeightOnlyConfig(
        weight_dtype=vars(torch)["int4"], granularity=ao.PerGroup(16), intx_choose_qparams_algorithm=choice
    )


def _awq(model: Any, job: Job) -> None:
    """Prepared and converted as ``AWQConfig`` does; its last step asks for a kind of weight that CPUs lack."""
    import torch
    from torchao.prototype.awq import AWQConfig
    from torchao.quantization import quantize_

    base = _config("nearest")
    quantize_(model.layers, AWQConfig(base, step="prepare"), filter_fn=_linear)
    model.run(job.calibration)
    for at, layer in enumerate(model.layers.all):
        factors = layer.act_obs.calculate_qparams()
        plain = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None)
        plain.weight = nn.Parameter(layer.weight * factors, requires_grad=False)
        plain.bias = layer.bias
        quantize_(plain, base)
        divided = nn.Sequential(_Divided(torch.nn.Parameter(factors, requires_grad=False)), plain)
        model.layers.all[at] = divided


class _Divided(nn.Module):
    """Divides channels."""

    def __init__(self, by: nn.Parameter) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Any) -> Any:
        """``x / by``."""
        return x / self.by


def _smoothquant(model: Any, job: Job) -> None:
    from torchao.prototype.smoothquant import SmoothQuantConfig
    from torchao.quantization import quantize_

    base = _config("dynamic")
    quantize_(model.layers, SmoothQuantConfig(base, step="prepare", alpha=0.5), filter_fn=_linear)
    model.run(job.calibration)
    quantize_(model.layers, SmoothQuantConfig(base, step="convert", alpha=0.5))
