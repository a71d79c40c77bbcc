"""Loading as the child does it, in this process, and the sentence with which a file is refused."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from qexplorer.core.errors import ModelError
from qexplorer.load.child import load_file

__all__ = ["load", "refused"]


def load(path: Path, folder: Path | None = None) -> dict[str, object]:
    """Runs the child's function here."""
    out = path.with_name("normalized.onnx")
    beside = str(folder) if folder else None
    arguments = {"path": str(path), "out": str(out), "name": "m", "where": "m.onnx", "folder": beside}
    return load_file(arguments, lambda _: None)


def refused(proto: onnx.ModelProto | bytes, tmp_path: Path) -> str:
    """The sentence that a file is refused with; also checks that it is one line and that nothing was written."""
    path = tmp_path / "model.onnx"
    path.write_bytes(proto if isinstance(proto, bytes) else proto.SerializeToString())
    with pytest.raises(ModelError) as caught:
        load(path)
    assert "\n" not in caught.value.sentence
    assert caught.value.where == "m.onnx"
    assert not (tmp_path / "normalized.onnx").exists()
    return caught.value.sentence
