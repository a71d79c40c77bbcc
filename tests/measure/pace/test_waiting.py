"""What a person is told while a backend compiles or converts a file."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.model import Model
from qexplorer.measure import engine as engines
from qexplorer.measure.comparison import Progress
from qexplorer.measure.effort import PLANS, Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.judging import Judged, judge_variant
from qexplorer.measure.pace.forecast import workers
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.pace.waiting import OnWait, Wait, announce, heard, waiting_text
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.timing.latency import time_variants
from qexplorer.measure.variant import Variant, subject_of
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.preparing import preparing, tell_preparing
from qexplorer.run.protocol import Preparation
from qexplorer.run.registry import BACKENDS
from tests.measure.models import data_set


@pytest.mark.usefixtures("trials")
def test_judging_tells_each_batch_size_that_is_prepared_and_fills_up_the_last_batch(
    cnn: Model, int8: Variant, tmp_path: Path
) -> None:
    """Every size that is timed is told once with its end; the last 5 of 37 samples need no size of their own."""
    subject, told = subject_of(cnn, data_set(37), None), list[Wait | None]()
    files = keep_samples(tmp_path, subject.inputs)
    judged = judge_variant(int8, "trial-prepares", subject, files, on_wait=told.append)
    assert judged.usable
    assert judged.fidelity is not None
    assert judged.fidelity.n == 37 + 16 + 16, "padding is not counted"
    assert [None if wait is None else wait.batch for wait in told] == [1, None, 32, None, 8, None]
    assert {wait.path for wait in told if wait is not None} == {str(int8.path)}


@pytest.mark.usefixtures("trials")
def test_timing_tells_what_is_prepared(cnn: Model, int8: Variant, tmp_path: Path) -> None:
    """A file that nothing was kept of is told while it is timed, too."""
    subject, told = subject_of(cnn, data_set(4), None), list[Wait | None]()
    files = keep_samples(tmp_path, subject.inputs)
    plan = PLANS[Effort.QUICK]
    time_variants({"q": int8}, "trial-prepares", subject, files, plan, on_wait=told.append)
    assert Wait(str(int8.path), 1) in told
    assert told[-1] is None


def test_the_running_text_says_who_compiles_what_for_which_batch(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a file is prepared the progress of the comparison says so, and expects longer; after it, it does not."""
    slow = replace(OnnxRuntimeCpu.capabilities, prepares=Preparation("It compiles", (10, 20), each_shape=True))
    seen, told = threading.Event(), list[Progress]()

    def progress(now: Progress) -> None:
        told.append(now)
        if "It compiles" in now.step:
            seen.set()

    def judge(*_: Any, on_wait: OnWait, **__: Any) -> Judged:
        on_wait(Wait(str(int8.path), 32))
        assert seen.wait(60)
        on_wait(None)
        return Judged(failed="it was not judged")

    monkeypatch.setattr(engines, "judge_variant", judge)
    subject, board = subject_of(cnn, data_set(4), None), Board(progress, None)
    with Engine(subject, {}, Effort.QUICK, board, None) as engine:
        engine.expect(["onnxruntime"], [])
        before = _left(board, told)
        monkeypatch.setattr(OnnxRuntimeCpu, "capabilities", slow)
        engine.submit("onnxruntime", int8)
        engine.finish_judging()
    (text,) = {now.step for now in told if "It compiles" in now.step}
    assert text == f"checking answers, 1 to go: It compiles {int8.recipe} for batch 32, usually 10 to 20 s"
    assert "It compiles" not in told[-1].step
    assert max(now.seconds_left or 0 for now in told) > before + 30 / workers()


@pytest.mark.parametrize(
    ("each_shape", "batch", "expected"),
    [
        (True, 32, "It converts w8a8 for batch 32, usually 5 to 10 s"),
        (True, None, "It converts w8a8, usually 5 to 10 s"),
        (False, 1, "It converts w8a8, usually 5 to 10 s"),
    ],
)
def test_a_batch_is_named_only_where_it_matters(each_shape: bool, batch: int | None, expected: str) -> None:
    """A backend that prepares a file once for all batches names none."""
    assert waiting_text(Preparation("It converts", (5, 10), each_shape), "w8a8", batch) == expected


def test_the_end_is_told_whatever_happens() -> None:
    """A preparation that fails is over, too; and nobody is told once nobody listens."""
    told: list[tuple[Path | None, int | None]] = []
    tell_preparing(lambda path, batch: told.append((path, batch)))
    try:
        with pytest.raises(ValueError, match="broken"), preparing(Path("m.onnx"), [(), (4, 3)]):
            raise ValueError("broken")
    finally:
        tell_preparing(None)
    assert told == [(Path("m.onnx"), 4), (None, None)]
    with preparing(Path("m.onnx"), [(1,)]):
        pass
    assert len(told) == 2


def test_the_parent_hears_what_a_child_prepares() -> None:
    """The file and its batch, and the end; shares go to whoever wants shares, and nobody has to listen."""
    events: list[dict[str, Any]] = []
    announce(events.append)
    try:
        with preparing(Path("m.onnx"), [(4, 3)]):
            pass
    finally:
        tell_preparing(None)
    events.append({"event": "progress", "done": 0.5})
    waits, shares = list[Wait | None](), list[float]()
    for event in events:
        heard(shares.append, waits.append)(event)
        heard(None, None)(event)
    assert (waits, shares) == ([Wait("m.onnx", 4), None], [0.5])


def test_backends_that_prepare_say_how_long_it_usually_takes() -> None:
    """The seconds are a range, and the words end in what a file's name can follow."""
    found = [each.capabilities.prepares for each in BACKENDS if each.capabilities.prepares is not None]
    assert found
    for each in found:
        assert 0 < each.usual_s[0] <= each.usual_s[1]
        assert each.says == each.says.strip(" .")


def _left(board: Board, told: list[Progress]) -> float:
    board.tell("before")
    return told[-1].seconds_left or 0.0
