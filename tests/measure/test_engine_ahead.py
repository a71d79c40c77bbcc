"""What a look inside takes is prepared beside judging, where the same graph elsewhere says that it will be needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import BackendError, Cancelled
from qexplorer.core.model import Model
from qexplorer.measure import engine as engines
from qexplorer.measure import judging
from qexplorer.measure.effort import Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.judging import Judged
from qexplorer.measure.metrics.results import Scored
from qexplorer.measure.pace.preparer import Preparer
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Variant, subject_of
from tests.measure.models import data_set

ANSWERED: dict[str, Any] = {
    "memory": {"peak": None, "baseline": None, "steady": None, "steady_n": 0},
    "kernels": {"integer": {}, "float": {}, "other": {}},
    "notes": [],
    "predictions": None,
    "differences": [],
    "alone": None,
    "asked": "",
    "primary": None,
}
"""What the child that judges comes back with, but for the reference that explains the answers."""


@pytest.mark.parametrize(("against", "calls"), [("exact integers", 1), ("simulation", 0)])
def test_a_look_inside_is_prepared_where_the_simulation_explained_nothing_on_the_first_backend(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch, *, against: str, calls: int
) -> None:
    """LiteRT converts the graph that tells its codes beside judging, which ends with it, and only where single steps
    add up: where exact integers had to be asked about ONNX Runtime's answers."""
    asked: list[Path] = []
    started = threading.Event()

    def judge(_: Variant, backend: str, *__: object, **___: object) -> Judged:
        if backend == "litert" and calls:
            started.wait(30)
        return judging._judged(ANSWERED | {"against": against}, Scored())

    def prepare(_: object, path: Path, cancelled: Callable[[], bool], *, look: bool) -> None:
        assert look
        asked.append(path)
        started.set()
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled("what it was for is over")

    monkeypatch.setattr(engines, "workers", lambda: 2)
    monkeypatch.setattr(engines, "judge_variant", judge)
    monkeypatch.setattr(Preparer, "prepare", prepare)
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, Effort.QUICK, Board(None, None), None) as engine:
            engine.expect(["onnxruntime", "litert"], ["a recipe"])
            engine.submit("onnxruntime", int8, "a recipe")
            engine.finish_judging()
            engine.submit("litert", int8, "a recipe")
            engine.look_ahead("litert", int8, "onnxruntime")
            engine.finish_judging()
    assert asked == [int8.path] * calls


@pytest.mark.parametrize(("backend", "calls"), [("litert", 1), ("onnxruntime", 0)])
def test_a_file_is_prepared_before_it_is_judged_where_it_is_prepared_once_for_all(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch, *, backend: str, calls: int
) -> None:
    """What the backend says of a file that it cannot prepare is why the run failed, and nothing loads it again."""
    asked: list[Path] = []

    def prepare(_: object, path: Path, *__: object, **___: object) -> None:
        asked.append(path)
        raise BackendError("it has a node that is unknown", where=path.name)

    def child(*_: object, **__: object) -> None:
        raise BackendError("it was loaded")

    monkeypatch.setattr(Preparer, "prepare", prepare)
    monkeypatch.setattr(judging, "run_in_child", child)
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, Effort.QUICK, Board(None, None), None) as engine:
            engine.expect([backend], ["a recipe"])
            engine.submit(backend, int8, "a recipe")
            engine.finish_judging()
            (judged,) = engine._judged.values()
    assert asked == [int8.path] * calls
    assert judged.failed == (f"{int8.recipe}: it has a node that is unknown" if calls else "it was loaded")
