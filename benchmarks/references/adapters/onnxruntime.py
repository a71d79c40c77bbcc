"""ONNX Runtime's own quantizers of MatMul weights in blocks: GPTQ and HQQ."""

from __future__ import annotations

import logging

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.references.protocol import Arrays, Case, Job

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "onnxruntime"
WHAT = (
    "GPTQ and HQQ of ONNX Runtime (weights of MatMul alone; tables of words stay in float). Its GPTQ reads the wrong "
    "half of a triangular factor (weight_only.py, gptq), so that nothing is made up for; asymmetric, it is nearest "
    "rounding. Its HQQ has zero points that are not rounded, ours are integers: compared as they are, with its own "
    "rounded, and ours in blocks so short that scales and zero points take as many bytes as its."
)

_KEPT = "layers: [{match: 'op:Gather', float: true}]"


def _blocks(block: int, more: str = "") -> str:
    return f"weights: {{format: int4, granularity: block, block: {block}{more}}}\n{_KEPT}"


CASES = (
    *(
        Case(subject, f"int4, blocks of {block}, {word}, {how}", _blocks(block, f", symmetric: {symmetric}"), ours,
             {"algorithm": theirs, "block": block, "symmetric": symmetric == "true"},
             {"algorithm": "default", "block": block, "symmetric": symmetric == "true"}, seeds=seeds)
        for subject, seeds in (("text_lm", 1), ("digits_vit", 1))
        for block, symmetric, word, theirs, how, ours in (
            (32, "true", "symmetric", "gptq", "GPTQ", "[gptq]"),
            (16, "false", "asymmetric", "gptq", "GPTQ", "[gptq]"),
            (16, "false", "asymmetric", "hqq", "HQQ", "[hqq]"),
        )
    ),
    *(
        Case(subject, f"int4, asymmetric, HQQ, {word}", _blocks(ours, ", symmetric: false"), "[hqq]",
             {"algorithm": "hqq", "block": 16, "rounded": rounded}, {"algorithm": "default", "block": 16})
        for subject in ("text_lm", "digits_vit")
        for word, ours, rounded in (
            ("blocks of 16, zero points rounded", 16, True),
            ("8 bits a weight with scales and zero points (blocks of 16), ours 7.6 (blocks of 10)", 10, False),
        )
    ),
)  # fmt: skip


def quantized(job: Job) -> onnx.ModelProto:
    """The graph with MatMulNBits in the place of MatMul."""
    from onnxruntime.quantization import CalibrationDataReader
    from onnxruntime.quantization import matmul_nbits_quantizer as quantizers

    logging.disable(logging.INFO)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Gives the calibration samples, a few at a time."""

        def __init__(self) -> None:
            self.left = list(job.batches())[::-1]  # a list: it is copied

        def get_next(self) -> Arrays | None:
            """The next ones, or None."""
            return self.left.pop() if self.left else None

    block, symmetric = int(job.settings["block"]), bool(job.settings.get("symmetric", False))
    algorithm = job.settings["algorithm"]
    if algorithm == "gptq":
        config = quantizers.GPTQWeightOnlyQuantConfig(Reader(), block_size=block)
    elif algorithm == "hqq":
        config = quantizers.HQQWeightOnlyQuantConfig(block_size=block, bits=4)
    else:
        config = quantizers.DefaultWeightOnlyQuantConfig(block_size=block, is_symmetric=symmetric, bits=4)
    changed = onnx.ModelProto()
    changed.CopyFrom(job.model)  # it is changed in place
    done = quantizers.MatMulNBitsQuantizer(
        changed, block_size=block, is_symmetric=symmetric, accuracy_level=0, algo_config=config
    )
    done.process()
    found: onnx.ModelProto = done.model.model
    return _with_rounded_zeros(found, job.model) if job.settings.get("rounded") else found


def _with_rounded_zeros(given: onnx.ModelProto, real: onnx.ModelProto) -> onnx.ModelProto:
    """``real`` with the values of weights on the grids of MatMulNBits, each zero point and then each code rounded."""
    found = onnx.ModelProto()
    found.CopyFrom(real)
    grids = {item.name: numpy_helper.to_array(item) for item in given.graph.initializer}
    stored = {item.name: item for item in found.graph.initializer}
    weights = {node.output[0]: node.input[1] for node in real.graph.node if node.op_type == "MatMul"}
    for node in given.graph.node:
        if node.op_type != "MatMulNBits":
            continue
        item = stored[weights[node.output[0]]]
        rows = numpy_helper.to_array(item).T
        shape = (len(rows), -1, 1)
        scale, zero = (grids[name].reshape(shape) for name in node.input[2:4])
        zero, blocks = np.round(zero), rows.reshape(len(rows), scale.shape[1], -1)
        rounded = (np.clip(np.round(blocks / scale + zero), 0, 15) - zero) * scale
        item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(rounded.reshape(rows.shape).T), item.name))
    return found
