"""Whether an execution provider of ONNX Runtime really runs here, found by making a session with it.

The GPU package lists its providers on every machine and falls back to the CPU without an error. So a session of one
node is made, in a child process (it loads CUDA, and may crash), and asked which providers it has. The answer is kept
for as long as the program runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import io
import os
from pathlib import Path
from typing import Any

from qexplorer.core.errors import QExplorerError
from qexplorer.process.child import Emit
from qexplorer.process.limits import Limits
from qexplorer.process.parent import run_in_child
from qexplorer.run.nvidia import NO_DRIVER, has_driver
from qexplorer.run.protocol import Availability

__all__ = ["load_gpu_libraries", "probe", "provider_availability"]

_LIMITS = Limits(wall_s=120)  # TensorRT builds an engine, if a tiny one
_LIBRARY = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "tensorrt"}
_GPU_PACKAGE = "pip uninstall -y onnxruntime && pip install onnxruntime-gpu"
_CUDA_LIBRARIES = "pip install 'onnxruntime-gpu[cuda,cudnn]'"


@functools.cache
def provider_availability(provider: str) -> Availability:
    """Whether ``provider`` runs here; cheap refusals first. If it does not, why, and the one command that helps."""
    try:
        import onnxruntime
    except ImportError as error:
        return Availability(
            False, f"the package onnxruntime cannot be imported ({error})", "pip install onnxruntime-gpu"
        )
    if provider not in onnxruntime.get_available_providers():
        if "gpu" in getattr(onnxruntime, "package_name", ""):
            return Availability(False, f"this build of onnxruntime-gpu has no {provider}")
        also = "" if has_driver() else f", and {NO_DRIVER}"
        return Availability(False, f"the installed onnxruntime is the CPU package{also}", _GPU_PACKAGE)
    if not has_driver():
        return Availability(False, NO_DRIVER)
    try:
        found = run_in_child("qexplorer.run.onnxruntime.probe:probe", {"provider": provider}, limits=_LIMITS)
    except QExplorerError as error:
        return Availability(False, f"making a session with {provider} failed ({error.what})")
    if found["runs"]:
        return Availability(True)
    return Availability(False, f"a session with {provider} falls back to the CPU ({found['reason']})", found["enable"])


def probe(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:  # noqa: ARG001  (a child's signature)
    """In the child: makes a session of one node with the provider, and looks for the reason if it is not used."""
    import onnxruntime
    from onnx import TensorProto, helper

    provider = arguments["provider"]
    load_gpu_libraries(provider)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=[provider])
    if provider in session.get_providers():
        return {"runs": True, "reason": None, "enable": None}
    missing = _missing_library(Path(onnxruntime.__file__).parent / "capi", _LIBRARY.get(provider, ""))
    enable = "pip install tensorrt" if missing and "nvinfer" in missing else _CUDA_LIBRARIES if missing else None
    return {"runs": False, "reason": missing or "it does not say why", "enable": enable}


def load_gpu_libraries(provider: str) -> None:
    """Loads the libraries that ``provider`` needs from installed packages, where they are not on the system's path.

    Also switches TF32 off, unless the user chose: float32 is to mean float32.
    """
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    import onnxruntime

    with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()  # says on stdout what it does not find; that is looked for later
    if provider == "TensorrtExecutionProvider" and importlib.util.find_spec("tensorrt"):
        with contextlib.suppress(Exception):
            importlib.import_module("tensorrt")  # brings its libraries along


def _missing_library(folder: Path, kind: str) -> str | None:
    """What the system's loader says of the provider's library; None if it loads, or there is none to try."""
    name = "onnxruntime_providers_{}.dll" if os.name == "nt" else "libonnxruntime_providers_{}.so"
    library = folder / name.format(kind)
    if not kind or not library.exists():
        return None
    try:
        ctypes.CDLL(str(folder / name.format("shared")), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error).replace(str(folder) + os.sep, "")
    return None
