"""TensorRT by its own Python package: an engine built from the QDQ graph, kept, and run.

Explicit quantization: scales come from the graph's QuantizeLinear and DequantizeLinear; nothing is calibrated here.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError, QExplorerError
from qexplorer.process.child import Emit
from qexplorer.process.limits import Limits
from qexplorer.process.parent import run_in_child
from qexplorer.run.nvidia import NO_DRIVER, has_driver
from qexplorer.run.protocol import Availability, Capabilities, Facts, Mode, Session, SessionOptions

__all__ = ["TensorRt", "probe"]

_LIMITS = Limits(wall_s=120)
_CUDA_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cu130"


class TensorRt:
    """The ``tensorrt`` package with torch for memory on the GPU."""

    name = "tensorrt"
    label = "TensorRT"
    capabilities = Capabilities(
        "gpu",
        frozenset({"int8"}),
        frozenset({"int8"}),
        simulates=False,
        halves=lambda: frozenset({"fp16", "bf16"}),
    )
    facts = Facts("#6f8f00", ("tensorrt", "torch"), rank=30)

    def availability(self) -> Availability:
        """Whether an engine can be built and run here (found once, in a child process)."""
        return _availability()

    def import_runtime(self) -> None:
        """Imports tensorrt and torch, which holds the buffers."""
        import tensorrt  # noqa: F401  (its memory is the runtime's own)
        import torch  # noqa: F401

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Builds the engine of the ONNX file at ``path``, or takes the kept one.

        Raises:
            BackendError: TensorRT cannot be used here or cannot make an engine of the file, or simulation is asked for.
        """
        state = self.availability()
        if not state.available:
            raise BackendError(state.reason or "not available", where=self.name, do=state.enable)
        if options.mode is Mode.SIMULATED:
            raise BackendError("it does not simulate", where=self.name, do="simulate with onnxruntime")
        from qexplorer.run.tensorrt.session import TensorRtSession

        return TensorRtSession(path)


@functools.cache
def _availability() -> Availability:
    """Cheap refusals first; torch is imported, and a child started, only where there is a driver."""
    if importlib.util.find_spec("tensorrt") is None:
        also = "" if has_driver() else f", and {NO_DRIVER}"
        return Availability(False, f"the package tensorrt is not installed{also}", "pip install tensorrt")
    if not has_driver():
        return Availability(False, NO_DRIVER)
    if importlib.util.find_spec("torch") is None:
        return Availability(False, "torch, which holds the buffers, is not installed", _CUDA_TORCH)
    try:
        found = run_in_child("qexplorer.run.tensorrt.backend:probe", {}, limits=_LIMITS)
    except QExplorerError as error:
        return Availability(False, f"building a small engine failed ({error.what})")
    return Availability(found["runs"], found["reason"], found["enable"])


def probe(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:  # noqa: ARG001  (a child's signature)
    """In the child: builds and runs an engine of one node."""
    import numpy as np
    import onnx
    import torch
    from onnx import TensorProto, helper

    if torch.version.cuda is None:
        return {
            "runs": False,
            "reason": "this build of torch, which holds the buffers, has no CUDA",
            "enable": _CUDA_TORCH,
        }
    if not torch.cuda.is_available():
        return {"runs": False, "reason": "torch finds no usable CUDA device", "enable": None}
    from qexplorer.run.tensorrt.session import TensorRtSession

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "relu")], "probe", [x], [y])
    with passing_folder("probe") as folder:
        path = Path(folder) / "probe.onnx"
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.save(model, str(path))
        answer = TensorRtSession(path).run({"x": np.array([[-1, 0, 1, 2]], np.float32)})[0]
    if np.array_equal(answer, [[0, 0, 1, 2]]):
        return {"runs": True, "reason": None, "enable": None}
    return {"runs": False, "reason": "a small engine gives wrong answers", "enable": None}
