"""What a look inside takes is prepared before anybody looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.measure.fidelity.single_points import Asked, each_alone
from qexplorer.measure.pace import preparer_child
from qexplorer.measure.pace.preparer import can_prepare
from qexplorer.measure.pace.preparer_child import prepare_look
from qexplorer.run.protocol import Session, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.models import SHAPE, make_cnn
from tests.measure.models import quantized as quantize_by_onnxruntime

RIGHT = BACKENDS.get("onnxruntime")
FEEDS = {"x": np.random.default_rng(3).normal(size=(8, *SHAPE)).astype(np.float32)}


class Remembering:
    """ONNX Runtime, and the bytes of every file that it was given."""

    name, label, capabilities, facts = "remembering", "Remembering", RIGHT.capabilities, RIGHT.facts
    availability = RIGHT.availability

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the file."""
        self.files.append(path.read_bytes())
        return RIGHT.load(path, options)


def prepared(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that are loaded ahead for ``path``."""
    backend = Remembering()
    monkeypatch.setattr(preparer_child, "usable", lambda _: backend)
    monkeypatch.setattr(preparer_child, "prepare_here", lambda: None)  # this process has other things to do
    prepare_look({"order": {"backend": "remembering", "path": str(path), "threads": 1}})
    return backend.files


def test_what_is_prepared_is_the_very_file_that_a_look_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look inside loads the file in question and then, byte for byte, the one that was loaded ahead."""
    path = quantize_by_onnxruntime(make_cnn(tmp_path), tmp_path).path
    ahead, looking = prepared(path, monkeypatch), Remembering()
    asked: Any = Asked(path, looking, RIGHT, [FEEDS], 1, tmp_path)  # type: ignore[arg-type]
    assert each_alone(asked).right
    assert looking.files == [path.read_bytes(), *ahead]
    assert len(onnx.load_from_string(ahead[0]).graph.output) > 1


def test_nothing_is_prepared_for_a_graph_without_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A float graph has nothing to tell, so nothing is loaded ahead."""
    assert prepared(make_cnn(tmp_path).path, monkeypatch) == []


def test_only_conversions_that_serve_every_batch_are_made_ahead() -> None:
    """LiteRT's conversion is; a compilation for every shape, or a backend that prepares nothing, is not."""
    found = {name: can_prepare(BACKENDS.get(name)) for name in ("litert", "torch-inductor", "onnxruntime")}
    assert found == {"litert": True, "torch-inductor": False, "onnxruntime": False}
