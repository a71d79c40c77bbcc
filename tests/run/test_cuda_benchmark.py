"""The script that measures INT8 on a GPU, on a machine without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks import cuda
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import BACKENDS, reference
from qexplorer.run.torch_integer import TORCH_CUDA
from tests.measure.models import make_cnn, samples


@pytest.mark.skipif(TORCH_CUDA.availability().available, reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_in_one_sentence_and_ends_well(tmp_path: Path) -> None:
    """The exit code is 0, the sentence names the reason, and no result is written."""
    command = [sys.executable, str(Path(cuda.__file__)), "--out", str(tmp_path / "results")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Nothing was measured, because {TORCH_CUDA.availability().reason}.\n"
    assert not (tmp_path / "results").exists()


def test_its_half_precision_graph_computes_in_half_precision(tmp_path: Path) -> None:
    """Every weight becomes float16, inputs and outputs stay float32, and the answers are near."""
    plain = make_cnn(tmp_path).path
    model = cuda.in_half(onnx.load(str(plain)))
    onnx.checker.check_model(model)
    onnx.save(model, str(tmp_path / "half.onnx"))
    assert {item.data_type for item in model.graph.initializer} == {onnx.TensorProto.FLOAT16}
    outputs = [
        BACKENDS.get(name).load(path, SessionOptions()).run({"x": samples(3)})[0]
        for name, path in ((reference().name, plain), ("torch", tmp_path / "half.onnx"))
    ]
    assert outputs[1].dtype == np.float32
    assert 0 < np.abs(outputs[0] - outputs[1]).max() < 0.01 * np.abs(outputs[0]).max()


def test_what_is_timed_is_called_at_least_twenty_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are counted one by one; without a counter of energy there is none in the result."""
    monkeypatch.setattr(cuda.time, "sleep", lambda _seconds: None)
    calls: list[int] = []
    found = cuda.timed(lambda: calls.append(1), 0.0, cuda.Energy())
    assert found.calls == 20
    assert len(calls) == 25
    if cuda.Energy().reason:
        assert found.millijoules is None
        assert cuda.joules(found) == "-"
