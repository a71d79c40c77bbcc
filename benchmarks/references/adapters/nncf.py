"""NNCF on ONNX: SmoothQuant, fast bias correction, and compressed weights with AWQ and scale estimation."""

from __future__ import annotations

import onnx

from benchmarks.references.protocol import Case, Job

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "nncf"
WHAT = (
    "SmoothQuant of NNCF (alpha 0.95) and ours, each followed by NNCF's own quantizer; its bias corrections in int8 "
    "with a scale a channel; AWQ and scale estimation of compressed weights (GPTQ it has not for ONNX)."
)

_KEPT = "layers: [{match: 'op:Gather', float: true}]"
_BLOCKS = f"weights: {{format: int4, granularity: block, block: 16}}\n{_KEPT}"
_W8A8 = "weights: {format: int8, granularity: channel}\nactivations: {format: uint8}"

CASES = (
    *(
        Case(f"{family}-outliers", "w8a8, SmoothQuant", _W8A8, "[smoothquant]",
             {"algorithm": "smoothquant", "alpha": 0.95}, {"algorithm": "smoothquant", "alpha": -1}, by_theirs=True,
             seeds=3)
        for family in ("vit", "gpt", "bert")
    ),
    Case("glyphs_mobilenet", "w8a8, fast bias correction", _W8A8, "[bias_correction]",
         {"algorithm": "bias", "fast": True}, {"algorithm": "bias", "fast": None}),
    Case("glyphs_mobilenet", "w8a8, bias correction", _W8A8, "[bias_correction]",
         {"algorithm": "bias", "fast": False}, {"algorithm": "bias", "fast": None}),
    *(
        Case(subject, f"int4, blocks of 16, {word}", _BLOCKS, ours,
             {"algorithm": "compress", **dict.fromkeys(theirs, True)}, {"algorithm": "compress"}, seeds=seeds)
        for subject, seeds in (("text_lm", 1), ("gpt-outliers", 3))
        for word, ours, theirs in (
            ("AWQ", "[awq]", ("awq",)),
            ("scale estimation against our HQQ", "[hqq]", ("scale_estimation",)),
        )
    ),
)  # fmt: skip


def quantized(job: Job) -> onnx.ModelProto:
    """The graph with QuantizeLinear and DequantizeLinear."""
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, AdvancedSmoothQuantParameters

    samples = nncf.Dataset(list(job.batches()))
    count = len(list(job.batches()))
    asked = job.settings
    found: onnx.ModelProto
    if asked["algorithm"] == "compress":
        chosen = {name: True for name in ("awq", "scale_estimation") if asked.get(name)}
        found = nncf.compress_weights(
            job.model, mode=nncf.CompressWeightsMode.INT4_SYM, group_size=16, ratio=1.0, all_layers=True,
            dataset=samples, subset_size=count, ignored_scope=nncf.IgnoredScope(types=["Gather"], validate=False),
            **chosen,
        )  # fmt: skip
        return found
    if asked["algorithm"] == "smoothquant":
        smooth = AdvancedSmoothQuantParameters(matmul=asked["alpha"], convolution=-1)
        more = AdvancedQuantizationParameters(smooth_quant_alphas=smooth)
        kind = nncf.ModelType.TRANSFORMER
        found = nncf.quantize(job.model, samples, model_type=kind, subset_size=count, advanced_parameters=more)
        return found
    more = AdvancedQuantizationParameters(disable_bias_correction=asked["fast"] is None)
    found = nncf.quantize(
        job.model, samples, subset_size=count, fast_bias_correction=bool(asked["fast"]), advanced_parameters=more
    )
    return found
