"""Plain loops over runtimes, written as their users write them; they know nothing of qexplorer.

    python benchmarks/bare_loops.py BACKEND FILE SAMPLES.npy INPUT CORE SECONDS

Prints the median call in milliseconds and the share of the processor that the loop had. Samples: the first row is fed.
FILE is what the runtime takes: an ONNX file, and for LiteRT a .tflite file. The settings are those that qexplorer's
pages on the backends name: one thread, 32-bit floats, exact weights.

The PyTorch backends are qexplorer's own code, so there is no other loop to write: theirs is a loop over the session.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["LOOPS", "main"]

Call = Callable[[], object]


def onnxruntime(file: str, feeds: dict[str, Any]) -> Call:
    """``session.run``."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feeds)


def openvino(file: str, feeds: dict[str, Any]) -> Call:
    """``infer`` of a request whose inputs are bound."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino as ov

    core = ov.Core()
    model = core.read_model(file)
    model.reshape({name: list(array.shape) for name, array in feeds.items()})
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    settings |= {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    request.infer(feeds, share_inputs=True)
    infer: Call = request.infer
    return infer


def litert(file: str, feeds: dict[str, Any]) -> Call:
    """``set_tensor``, ``invoke``, ``get_tensor``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=file, num_threads=1)
    interpreter.allocate_tensors()
    (given,), outputs = interpreter.get_input_details(), interpreter.get_output_details()
    (array,) = feeds.values()
    value = array.astype(given["dtype"], copy=False)

    def call() -> object:
        interpreter.set_tensor(given["index"], value)
        interpreter.invoke()
        return [interpreter.get_tensor(each["index"]) for each in outputs]

    return call


def _session(backend: str) -> Callable[[str, dict[str, Any]], Call]:
    def load(file: str, feeds: dict[str, Any]) -> Call:
        from qexplorer.run.protocol import SessionOptions
        from qexplorer.run.registry import usable

        return usable(backend).load(Path(file), SessionOptions()).call(feeds)

    return load


LOOPS: dict[str, Callable[[str, dict[str, Any]], Call]] = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "litert": litert,
    "torch": _session("torch"),
    "torch-inductor": _session("torch-inductor"),
}


def main() -> int:
    """Runs one loop."""
    backend, file, sample, name, core, seconds = sys.argv[1:7]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    feeds = {name: np.ascontiguousarray(np.load(sample, mmap_mode="r")[:1])}
    call = LOOPS[backend](file, feeds)
    for _ in range(10):
        call()
    gc.disable()
    times: list[int] = []
    begin, cpu = time.perf_counter(), time.process_time()
    while len(times) < 20 or time.perf_counter() - begin < float(seconds):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    share = (time.process_time() - cpu) / (time.perf_counter() - begin)
    print(sorted(times)[len(times) // 2] / 1e6, share)
    return 0


if __name__ == "__main__":
    sys.exit(main())
