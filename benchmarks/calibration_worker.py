"""One side of the calibration benchmark in a process of its own.

``python calibration_worker.py SIDE MODEL.onnx IMAGES.npy N ROUNDS`` prints one JSON object: seconds of each round of
plain inference and of calibration on the same N images, by the clock and of the processor. The two take turns, so that
a busy machine slows both down. Imports nothing of qexplorer unless SIDE is ``qexplorer``, so that a peer can run in
another environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

Work = Callable[[], object]


def _ort_inference(model: str, images: Any, batch: int) -> Work:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run() -> None:
        for start in range(0, len(images), batch):
            session.run(None, {name: np.ascontiguousarray(images[start : start + batch])})

    return run


def _qexplorer(model: str, images: Any) -> Work:
    from qexplorer.core.dataset import Split
    from qexplorer.core.formats import get_format
    from qexplorer.core.plugins import CALIBRATORS
    from qexplorer.load.model import load_model
    from qexplorer.observe.calibrate import calibrate
    from qexplorer.observe.collecting.collect import collect

    loaded = load_model(Path(model))

    def run() -> None:
        found = collect(loaded, Split({"": images}), threads=1)
        for stats in found.of_kind("activation"):  # every calibrator from the one pass
            for name in CALIBRATORS.names():
                calibrate(stats, name, format=get_format("uint8"), symmetric=False)

    return run


def _onnxruntime(model: str, images: Any, method: str) -> Work:
    from onnxruntime.quantization.calibrate import CalibrationDataReader, CalibrationMethod, create_calibrator

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self._feeds: Iterator[dict[str, Any]] = ({name: np.asarray(image)[None]} for image in images)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._feeds, None)

    def run() -> None:
        import onnx

        name = onnx.load(model).graph.input[0].name
        augmented = f"{model}.augmented.onnx"
        kinds = {
            "minmax": CalibrationMethod.MinMax,
            "percentile": CalibrationMethod.Percentile,
            "entropy": CalibrationMethod.Entropy,
        }
        calibrator = create_calibrator(model, None, augmented, calibrate_method=kinds[method])
        calibrator.collect_data(Reader(name))
        calibrator.compute_data()

    return run


def _openvino_inference(model: str, images: Any) -> Work:
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(ov.Core().read_model(model), "CPU", settings)
    request = compiled.create_infer_request()

    def run() -> None:
        for image in images:
            request.infer({0: np.asarray(image)[None]})

    return run


def _nncf(model: str, images: Any) -> Work:
    import logging

    import nncf
    import openvino as ov

    nncf.set_log_level(logging.ERROR)

    def run() -> None:
        data = nncf.Dataset(range(len(images)), lambda i: np.asarray(images[i])[None])
        nncf.quantize(ov.Core().read_model(model), data, subset_size=len(images))

    return run


def _timed(work: Work) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Runs one side and prints what it took."""
    side, model, path, n, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    images = np.load(path, mmap_mode="r")[:n]
    inference: dict[str, Work] = {}
    if side == "nncf":
        inference["batch 1"] = _openvino_inference(model, images)
        calibration = _nncf(model, images)
    else:
        inference = {f"batch {b}": _ort_inference(model, images, b) for b in (1, 4)}
        kind = side.partition(" ")[2]
        calibration = _onnxruntime(model, images, kind) if kind else _qexplorer(model, images)
    if rounds:
        for work in inference.values():
            work()  # warm: pages, caches, compiled loops
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in (*inference, "calibration")}
    for _ in range(rounds):
        for name, work in inference.items():
            times[name].append(_timed(work))
        times["calibration"].append(_timed(calibration))
    if not rounds:  # memory only: nothing but the calibration
        times["calibration"].append(_timed(calibration))
    print(json.dumps(times))


if __name__ == "__main__":
    main()
