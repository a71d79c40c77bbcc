"""What is kept so that it need not be made again is believed only while it is what was written."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import qexplorer as qx
from qexplorer.core.errors import DataError
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets.untrusted import keep_untrusted, load_kept
from tests.load.model_graphs import model, saved, weight

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "a bit changed": lambda data: bytes(
        (*data[: len(data) // 2], data[len(data) // 2] ^ 1, *data[len(data) // 2 + 1 :])
    ),
}


def _given(folder: Path) -> tuple[Path, Path]:
    """A small model and labelled data for it."""
    nodes = [helper.make_node("Gemm", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["y"])]
    path = saved(model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 3)}, opset=17), folder)
    stream = io.BytesIO()
    np.savez(stream, x=weight(40, 4, seed=1), y=np.arange(40) % 3)
    (folder / "data.npz").write_bytes(stream.getvalue())
    return path, folder / "data.npz"


def _answer(path: Path, data_path: Path) -> tuple[bytes, bytes, str, list[int]]:
    """Everything that could be wrong: the loaded graph, the quantized file, the plan and the labels."""
    loaded, data = qx.load(path), qx.data(data_path)
    made = qx.quantize(loaded, "w8a8", data)
    assert data.evaluation.labels is not None
    plan = str([layer.reason for layer in made.plan.layers])
    return loaded.path.read_bytes(), made.path.read_bytes(), plan, data.evaluation.labels.tolist()


def test_whatever_is_damaged_is_made_again(tmp_path: Path) -> None:
    """Each kept file in turn, emptied or with a bit changed: the answer is the same, and the file whole afterwards."""
    given = _given(tmp_path)
    right = _answer(*given)
    kept = [path for kind in ("models", "data", "statistics", "quantized") for path in workspace(kind).rglob("*")]
    files = {path: path.read_bytes() for path in kept if path.is_file()}
    assert {path.suffix for path in files} == {".onnx", ".json", ".npy", ".npz"}
    for (path, before), damage in zip(files.items(), cycle(DAMAGES.values()), strict=False):
        path.write_bytes(damage(before))
        assert _answer(*given) == right, path.name
        assert path.read_bytes() == before, path.name


def test_a_quantized_file_that_is_gone_is_written_again(tmp_path: Path) -> None:
    """What is kept beside it does not stand for it."""
    given = _given(tmp_path)
    right = _answer(*given)
    (path,) = workspace("quantized").glob("*.onnx")
    path.unlink()
    assert _answer(*given) == right


def test_damaged_data_whose_file_is_not_known_is_refused(tmp_path: Path) -> None:
    """Where only the kept copy is asked for, the sentence says to give the file again."""
    folder = keep_untrusted(_given(tmp_path)[1])
    (folder / "evaluation-labels.npy").write_bytes(b"")
    with pytest.raises(DataError, match="damaged; give the file again"):
        load_kept(folder)
