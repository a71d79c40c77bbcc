"""What a look inside takes is prepared beside judging, where the same graph elsewhere says that it will be needed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.core.model import Model
from qexplorer.measure import engine as engines
from qexplorer.measure import judging
from qexplorer.measure.effort import Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.judging import Judged
from qexplorer.measure.metrics.results import Scored
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
    asked: list[dict[str, object]] = []
    started = threading.Event()

    def judge(_: Variant, backend: str, *__: object, **___: object) -> Judged:
        if backend == "litert" and calls:
            started.wait(30)
        return judging._judged(ANSWERED | {"against": against}, Scored())

    def child(target: str, arguments: dict[str, object], *, cancelled: Callable[[], bool], **_: object) -> None:
        assert target == "qexplorer.measure.fidelity.looking_ahead:prepare"
        asked.append(arguments)
        started.set()
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled("what it was for is over")

    monkeypatch.setattr(engines, "workers", lambda: 2)
    monkeypatch.setattr(engines, "judge_variant", judge)
    monkeypatch.setattr(engines, "run_in_child", child)
    monkeypatch.setattr(engines, "beside", lambda *_: contextlib.nullcontext())  # also where there is one processor
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
    assert [each["path"] for each in asked] == [str(int8.path)] * calls
