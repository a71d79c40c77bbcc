"""Times of variants are kept by what decides how long kernels take, and measured again when asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import qexplorer as qx
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.search.costs import clocking
from qexplorer.search.costs.kept_times import forget_times, kernels_digest, times_path


@pytest.fixture
def model(shared_workspace: Path) -> Model:  # noqa: ARG001 - files are kept there
    """A network of three layers."""
    return qx.load("tumour_mlp")


def test_values_of_weights_and_scales_do_not_tell_kernels_apart_but_formats_do(model: Model) -> None:
    """Another calibrator gives another file and the same digest; other formats give another one."""
    clipped = "weights: {format: int8}\nactivations: {format: uint8, calibrator: percentile}"
    plain, other, wide = (qx.quantize(model, recipe).path for recipe in ("w8a8", clipped, "w8a16"))
    assert plain.read_bytes() != other.read_bytes()
    assert kernels_digest(plain) == kernels_digest(other)
    assert kernels_digest(plain) != kernels_digest(wide)
    assert kernels_digest(plain) != kernels_digest(model.path)


def test_the_same_kernels_are_measured_once_until_somebody_asks_again(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second search finds the times of the first, with the moment at which they were measured."""
    measured = list[int]()

    def counted(*_: Any) -> dict[str, Any]:
        measured.append(len(measured))
        kernel = {"name": "k", "op": "Gemm", "kind": "float", "ms": 1.0, "layers": ["hidden1"]}
        rounds = {"one": [1_000_000 * len(measured) * k for k in (9, 1, 0.5, 7, 8, 0.1, 3, 9)]}  # nanoseconds
        return {"rounds": rounds, "kernels": {"one": [kernel]}, "energy": {}, "unprofiled": {}}

    def clocked(*, anew: bool = False, threads: int = 1) -> clocking.Clocked:
        split = qx.data("tumour").calibration
        files = {"one": model.path}
        return clocking.clock("onnxruntime", model, split, files, threads=threads, anew=anew, tell=lambda *_: None)

    monkeypatch.setattr(clocking, "_measured", counted)
    first, second = clocked(anew=True), clocked()
    assert (first.call_ms, first.measured_at, first.kernels) == (second.call_ms, second.measured_at, second.kernels)
    assert len(measured) == 1
    assert clocked(anew=True).call_ms != first.call_ms
    forget_times(first.kept)
    assert clocked().call_ms["one"] == pytest.approx(3.0)
    forget_times("")
    assert len(measured) == 3, "a report that names nothing kept forgets nothing"
    assert clocked(threads=2).call_ms["one"] == pytest.approx(4.0), "the third of eight rounds"


def test_kernels_that_nobody_timed_are_refused_and_not_kept(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the profiler's, and the next search asks again."""
    asked = list[int]()

    def found(*_: Any) -> dict[str, Any]:
        asked.append(1)
        rounds = {"one": [1_000_000] * 4}
        return {"rounds": rounds, "kernels": {"one": []}, "energy": {}, "unprofiled": {"one": "it is asleep"}}

    monkeypatch.setattr(clocking, "_measured", found)
    split, files = qx.data("tumour").calibration, {"one": model.path}
    for _ in range(2):
        with pytest.raises(BackendError, match=r"latency of single layers cannot be had on .*: it is asleep"):
            clocking.clock("onnxruntime", model, split, files, threads=9, tell=lambda *_: None)
    assert len(asked) == 2


def _digest(folder: Path, **constants: Any) -> str:
    """Of a graph that holds these constants, and nothing else."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph([], "g", [], [], tensors)
    made = helper.make_model(graph, producer_name=str(len(list(folder.iterdir()))))
    path = folder / f"{len(list(folder.iterdir()))}.onnx"
    onnx.save(made, str(path))
    return kernels_digest(path)


def test_what_kernels_are_chosen_by_tells_them_apart(tmp_path: Path) -> None:
    """Shapes, axes and whether zero points are 0; not how large a zero point is, nor what a weight or a scale is."""
    eight = np.int8
    same = (
        ({"w": np.ones((2, 3), eight)}, {"w": np.zeros((2, 3), eight)}),
        ({"s": np.float32(1)}, {"s": np.float32(2)}),
        ({"z": eight(3)}, {"z": eight(-4)}),
        ({"z": np.array([0, 3], np.uint8)}, {"z": np.array([4, 4], np.uint8)}),
        ({"t": np.arange(65)}, {"t": np.arange(1, 66)}),
    )
    other = (
        ({"w": np.ones((2, 3), eight)}, {"w": np.ones((3, 2), eight)}),
        ({"w": np.ones((2, 3), eight)}, {"w": np.ones((2, 3), np.uint8)}),
        ({"z": eight(0)}, {"z": eight(3)}),
        ({"shape": np.array([1, -1])}, {"shape": np.array([0, -1])}),
        ({"t": np.arange(64)}, {"t": np.arange(1, 65)}),
        ({"yes": np.array(True)}, {"yes": np.array(False)}),
    )
    assert all(_digest(tmp_path, **one) == _digest(tmp_path, **two) for one, two in same)
    assert all(_digest(tmp_path, **one) != _digest(tmp_path, **two) for one, two in other)


def test_times_are_kept_by_backend_threads_and_batch(model: Model) -> None:
    """And by the variants, each under its key."""
    files, wide = {"one": model.path}, qx.quantize(model, "w8a16").path
    base = times_path("onnxruntime", files, threads=1, batch=1)
    assert base == times_path("onnxruntime", dict(files), threads=1, batch=1)
    others = [
        times_path("onnxruntime-unpacked", files, threads=1, batch=1),
        times_path("onnxruntime", files, threads=2, batch=1),
        times_path("onnxruntime", files, threads=1, batch=2),
        times_path("onnxruntime", {"two": model.path}, threads=1, batch=1),
        times_path("onnxruntime", {"one": wide}, threads=1, batch=1),
    ]
    assert len({base, *others}) == 6
