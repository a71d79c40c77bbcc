"""Looking into a graph is done once for the same answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import BackendError
from qexplorer.core.workspace import workspace
from qexplorer.measure.fidelity import looked_at
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.comparing import Question
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.fidelity.looked_at import once
from qexplorer.run.registry import BACKENDS

FOUND = Difference(1, 8, 8, 2.0, None, exact=False, elements=10, within_one=9, equal=5, values=10, rows=(3, 1))
FEEDS = [{"x": np.arange(6, dtype=np.float32).reshape(2, 3)}]
SEEN = Alone(1.0, "conv_out", 4, 8, conclusive=True, layer="conv", sizes=(1, 8))


def question(path: Path, backend: str = "onnxruntime") -> Question:
    """A question about ``path``."""
    return Question(path, BACKENDS.get(backend), {}, 8, None, 32, (1, 8), 1, {}, None)


class Looker:
    """Counts how often somebody looked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Alone:
        """Looks."""
        self.times += 1
        return SEEN


def test_the_same_is_looked_at_once_and_anything_else_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same graph, backend, answers, batches and machine; a change of any of them is another question."""
    path, look = tmp_path / "a.onnx", Looker()
    onnx.save(onnx.ModelProto(producer_name="a graph"), str(path))
    assert once(question(path), [FOUND], FEEDS, look) == SEEN
    assert once(question(path), [FOUND], FEEDS, look) == SEEN
    assert look.times == 1
    once(question(path), [replace(FOUND, equal=4)], FEEDS, look)
    once(question(path), [FOUND], [{"x": FEEDS[0]["x"] + 1}], look)
    once(question(path, "torch"), [FOUND], FEEDS, look)
    once(replace(question(path), threads=2), [FOUND], FEEDS, look)
    onnx.save(onnx.ModelProto(producer_name="another graph"), str(path))
    once(question(path), [FOUND], FEEDS, look)
    assert look.times == 6
    monkeypatch.setattr(looked_at, "conditions", lambda backends: [each.name for each in backends])
    once(question(path), [FOUND], FEEDS, look)
    assert look.times == 7
    once(question(path), [FOUND], [{"z": FEEDS[0]["x"]}], look)
    once(question(path), [FOUND], [{"x": FEEDS[0]["x"].reshape(3, 2)}], look)
    assert look.times == 9


def test_a_look_that_fails_is_not_kept(tmp_path: Path) -> None:
    """The next comparison tries again."""
    path, look = tmp_path / "a.onnx", Looker()
    onnx.save(onnx.ModelProto(producer_name="a graph"), str(path))

    def fails() -> Alone:
        raise BackendError("it gave up")

    with pytest.raises(BackendError):
        once(question(path), [FOUND], FEEDS, fails)
    assert once(question(path), [FOUND], FEEDS, look) == SEEN
    assert look.times == 1


def test_what_is_damaged_is_looked_at_again(tmp_path: Path) -> None:
    """A kept finding that lacks a field is no finding."""
    path, look = tmp_path / "a.onnx", Looker()
    onnx.save(onnx.ModelProto(producer_name="a graph"), str(path))
    once(question(path), [FOUND], FEEDS, look)
    (kept,) = workspace("alone").glob("*.json")
    kept.write_text('{"worst_steps": 1.0}')
    assert once(question(path), [FOUND], FEEDS, look) == SEEN
    assert look.times == 2
