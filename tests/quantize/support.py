"""From a hand-made graph to what the quantizer takes, and from what it gives to answers and kernels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.core.workspace import sha256_bytes, workspace
from qexplorer.load.child import describe
from qexplorer.load.normal.normalize import normalized
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.stats import Statistics
from tests.quantize.graphs import build, feeds_for

__all__ = ["INTEGER_KERNELS", "Case", "case", "integer_kernels", "kernels", "model_of", "run"]

INTEGER_KERNELS = ("QLinear", "QGemm", "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul", "MatMulNBits")

_CASES: dict[tuple[str, int, Path], Case] = {}


def model_of(proto: onnx.ModelProto, name: str) -> Model:
    """The graph as loading would leave it."""
    ready, notes = normalized(proto, name)
    data = ready.SerializeToString()
    path = workspace("models") / f"{sha256_bytes(data)}.onnx"
    path.write_bytes(data)
    return describe(ready, path, name, sha256_bytes(data), tuple(notes))


class Case:
    """A graph of the zoo, observed on 64 normal samples (or 8 batches where the batch is fixed)."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self.model = model_of(build(name, seed), name)
        proto = self.model.proto()
        batches = [feeds_for(proto, 8, seed + 1 + i) for i in range(8)]
        self.feeds = batches[0]
        axis = 1 if name == "branches" else 0
        self.split = Split({k: np.concatenate([b[k] for b in batches], axis) for k in batches[0]})
        self.statistics: Statistics = collect(self.model, self.split, threads=1)


def case(name: str, seed: int = 0) -> Case:
    """The case called ``name``, built once in each workspace."""
    key = (name, seed, workspace())
    if key not in _CASES:
        _CASES[key] = Case(name, seed)
    return _CASES[key]


def run(
    proto: onnx.ModelProto, feeds: dict[str, np.ndarray], *, simulated: bool = False, optimized: Path | None = None
) -> list[np.ndarray[Any, Any]]:
    """Outputs on ONNX Runtime's CPU, one thread; ``optimized`` receives the graph that really ran."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "0")
    if simulated:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


def kernels(proto: onnx.ModelProto, feeds: dict[str, np.ndarray], folder: Path) -> Counter[str]:
    """Operators of the optimized graph, with their number."""
    path = folder / "optimized.onnx"
    run(proto, feeds, optimized=path)
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def integer_kernels(proto: onnx.ModelProto, feeds: dict[str, np.ndarray], folder: Path) -> Counter[str]:
    """The operators among :func:`kernels` that compute on codes."""
    found = kernels(proto, feeds, folder)
    return Counter({op: n for op, n in found.items() if op.startswith(INTEGER_KERNELS) or op.endswith("ToFloat")})
