"""Neural Compressor's AWQ, of the torch module that the graph was made of."""

from __future__ import annotations

from typing import Any

from benchmarks.references.protocol import Case, Job, Result

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "neural_compressor"
WHAT = (
    "AWQ of Neural Compressor with and without its search of clips, ours with ranges by mse and minmax; layers of the "
    "blocks alone. Without clips it leaves layers with a factor in front in float; here they are rounded by its own "
    "function."
)

_KEPT = "layers: [{match: 'op:Gather', float: true}, {match: 'node_linear_12', float: true}]"


def _blocks(calibrator: str) -> str:
    return f"weights: {{format: int4, granularity: block, block: 16, calibrator: {calibrator}}}\n{_KEPT}"


CASES = tuple(
    Case("gpt-outliers", f"int4, blocks of 16, {word}", _blocks(calibrator), "[awq]",
         {"scale": True, "clip": clip}, {"scale": False, "clip": clip}, seeds=3)
    for word, calibrator, clip in (("AWQ with clips", "mse", True), ("AWQ without clips", "minmax", False))
)  # fmt: skip


def quantized(job: Job) -> Result:
    """What the module answers, quantized by Neural Compressor."""
    import torch
    from neural_compressor.torch import quantization

    from benchmarks.outlier_models import with_outliers
    from benchmarks.transformer_families import FAMILIES

    torch.manual_seed(int(job.settings["seed"]))
    module = with_outliers(FAMILIES["gpt"].make()).eval()
    config = quantization.AWQConfig(
        bits=4,
        group_size=16,
        use_sym=True,
        use_auto_scale=job.settings["scale"],
        use_auto_clip=job.settings["clip"],
        folding=False,
    )
    config.set_local("head", quantization.AWQConfig(dtype="fp32"))
    with torch.no_grad():
        first = torch.from_numpy(job.calibration["input_ids"][:1])
        prepared = quantization.prepare(module, config, example_inputs=first)
        for batch in job.batches():
            prepared(torch.from_numpy(batch["input_ids"]))
        done = quantization.convert(prepared)
        _round_the_rest(done)
        return [done(torch.from_numpy(job.evaluation["input_ids"])).numpy()]


def _round_the_rest(module: Any) -> None:
    """Rounds layers inside a MulLinear that are in float still: it looks for them by the names that they had before."""
    from neural_compressor.torch.algorithms.weight_only.utility import quant_tensor
    from torch import nn

    for name, layer in module.named_modules():
        if name.endswith(".linear") and type(layer) is nn.Linear:
            layer.weight.data = quant_tensor(layer.weight.data, num_bits=4, group_size=16, scheme="sym")
