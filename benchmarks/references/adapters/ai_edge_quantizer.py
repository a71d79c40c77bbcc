"""AI Edge Quantizer on LiteRT files: GPTQ, OSCAR and Hadamard rotation of fully connected layers' weights."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from benchmarks.references.protocol import Case, Job, Result

__all__ = ["CASES", "PACKAGE", "WHAT", "quantized"]

PACKAGE = "ai_edge_quantizer"
WHAT = (
    "GPTQ, OSCAR (activation-aware factors and clips, against our AWQ) and Hadamard rotation of AI Edge Quantizer; "
    "weights of fully connected layers alone, a scale a channel. The conversion to LiteRT works factors of "
    "normalizations into weights, so that ours gets a graph to which that was done too (folded)."
)

_INT4 = (
    "weights: {{format: int4, granularity: channel, calibrator: {}}}\n"
    "layers: [{{match: 'op:Gather', float: true}}, {{match: 'op:Conv', float: true}}]"
)

CASES = tuple(
    Case(subject, f"int4, {word}", _INT4.format(calibrator), ours, {"algorithm": theirs},
         {"algorithm": "MIN_MAX_UNIFORM_QUANT"})
    for subject in ("digits_vit-folded", "text_lm-folded")
    for word, theirs, ours, calibrator in (
        ("GPTQ", "GPTQ", "[gptq]", "minmax"),
        ("OSCAR against our AWQ", "OSCAR", "[awq]", "mse"),
        ("Hadamard rotation", "DECOMPOSED_HADAMARD_ROTATION", "[rotation]", "minmax"),
    )
)  # fmt: skip


def quantized(job: Job) -> Result:
    """What the file answers, a sample at a time."""
    from ai_edge_quantizer import qtyping, quantizer

    names, content = _converted(job)
    asked = quantizer.Quantizer(content)
    asked.add_weight_only_config(
        ".*",
        qtyping.TFLOperationName.FULLY_CONNECTED,
        4,
        algorithm_key=quantizer.AlgorithmName[job.settings["algorithm"]],
    )
    seen: Any = None
    if asked.need_calibration:
        samples = [{f"args_{i}": _narrow(batch[name]) for i, name in enumerate(names)} for batch in job.batches(1)]
        seen = asked.calibrate({"serving_default": samples}, num_threads=1)
    return [_answers(bytes(asked.quantize(seen).quantized_model), names, job)]


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers as the converted file takes them."""
    return values.astype(np.int32) if values.dtype == np.int64 else values


def _converted(job: Job) -> tuple[list[str], bytes]:
    """The names of the inputs, and the graph as a LiteRT file for one sample."""
    from qexplorer.run.litert.conversion import MODEL, convert

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        onnx.save(job.model, folder / "float.onnx")
        shapes = {name: [1, *values.shape[1:]] for name, values in job.evaluation.items()}
        convert({"path": str(folder / "float.onnx"), "shapes": shapes, "folder": made, "free": False})
        return [value.name for value in job.model.graph.input], (folder / MODEL).read_bytes()


def _answers(content: bytes, names: list[str], job: Job) -> Any:
    from qexplorer.run.litert.interpreter import PreparedInterpreter

    total = len(next(iter(job.evaluation.values())))
    one = {name: values[:1] for name, values in job.evaluation.items()}
    runs = PreparedInterpreter(content, names, one, threads=1)
    found = [runs.run({name: v[i : i + 1] for name, v in job.evaluation.items()})[0].copy() for i in range(total)]
    return np.concatenate(found)
