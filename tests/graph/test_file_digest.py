"""A file is told by what it holds, and by the files of weights that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core import files
from qexplorer.graph.file_digest import file_digest


def save(path: Path, value: float) -> None:
    """A graph whose constant is kept in ``<name>.data`` beside it."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [400]) for name in "xy"]
    weight = numpy_helper.from_array(np.full(400, value, np.float32), "w")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weight])
    path.with_suffix(".data").unlink(missing_ok=True)
    onnx.save(helper.make_model(graph), str(path), save_as_external_data=True, location=path.with_suffix(".data").name)


def test_weights_in_another_file_count(tmp_path: Path) -> None:
    """The graph's own bytes are the same; it is named after what it says now, however often it was asked before."""
    path = tmp_path / "m.onnx"
    save(path, 1.0)
    first, bytes_ = file_digest(path), path.read_bytes()
    assert file_digest(path) == first
    save(path, 2.0)
    assert path.read_bytes() == bytes_
    assert file_digest(path) != first


def test_a_file_is_read_once_while_it_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loads a model ten times hashes it once."""
    path, reads = tmp_path / "m.onnx", list[Path]()
    save(path, 3.0)
    hashing = files.hashlib.file_digest
    monkeypatch.setattr(files.hashlib, "file_digest", lambda file, kind: reads.append(file.name) or hashing(file, kind))
    assert len({file_digest(path) for _ in range(3)}) == 1
    assert sorted(Path(read).name for read in reads) == ["m.data", "m.onnx"]
