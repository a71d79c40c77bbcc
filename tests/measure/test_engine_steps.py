"""What the engine says of its steps: how far they are, how long they take, and what it notes for the next time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qexplorer.core.model import Model
from qexplorer.measure import engine as engines
from qexplorer.measure.comparison import Progress
from qexplorer.measure.effort import Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.judging import Judged
from qexplorer.measure.pace.forecast import Forecast
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.pace.waiting import OnWait, Wait
from qexplorer.measure.variant import Variant, float_variant, subject_of
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Preparation
from tests.measure.models import data_set

WORK = Preparation("It works", (10, 20), each_shape=True)
Judge = Callable[..., Judged]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock of the engine says."""
    now = [100.0]
    monkeypatch.setattr(engines.time, "monotonic", lambda: now[0])
    return now


def judged_by(
    judge: Judge, model: Model, variants: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> tuple[Engine, list[Progress]]:
    """An engine that has judged, and what it told; 1 s is foretold for each file and for timing."""
    told: list[Progress] = []
    monkeypatch.setattr(engines, "judge_variant", judge)
    monkeypatch.setattr(engines, "workers", lambda: 2)
    monkeypatch.setattr(Forecast, "judging", lambda *_: 2.0)
    monkeypatch.setattr(Forecast, "timing", lambda _, __, variants: float(variants))
    with Engine(subject_of(model, data_set(4), None), {}, Effort.QUICK, Board(told.append, None), None) as engine:
        engine.expect(["onnxruntime"], ["a recipe"][: len(variants) - 1])
        for variant in variants:
            engine.submit("onnxruntime", variant, "float" if variant.is_float else "a recipe")
        engine.finish_judging()
    return engine, told


def test_what_a_step_takes_is_noted_without_the_line_and_what_is_kept(
    cnn: Model, at: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 s before the child starts, 5 s of its 11 for what the backend keeps: 6 s."""
    monkeypatch.setattr(OnnxRuntimeCpu, "capabilities", replace(OnnxRuntimeCpu.capabilities, prepares=WORK))

    def judge(*_: object, on_wait: OnWait, on_start: Callable[[int], None], **__: object) -> Judged:
        for second, wait in ((100, Wait("m", 1)), (130, None)):
            at[0] = second
            on_wait(wait)
        at[0] = 140
        on_start(7)
        for second, wait in ((141, Wait("m", 8)), (143, None), (144, Wait("m", 32)), (147, None)):
            at[0] = second
            on_wait(wait)
        at[0] = 151
        return Judged()

    engine, _ = judged_by(judge, cnn, [float_variant(cnn)], monkeypatch)
    assert engine._forecast.took == {"judge onnxruntime float 4": 6.0}


def test_nothing_is_noted_of_a_file_that_could_not_be_judged(
    cnn: Model, at: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after a second foretells nothing."""

    def judge(*_: object, **__: object) -> Judged:
        at[0] += 1
        return Judged(failed="it crashed")

    engine, _ = judged_by(judge, cnn, [float_variant(cnn)], monkeypatch)
    assert engine._forecast.took == {}


@pytest.mark.parametrize(
    ("each_shape", "expected"),
    [(True, [0.0, 23 / 4 / 24, 23 / 2 / 24, 23 / 2 / 24]), (False, [0.0, 8 / 2 / 9, 8 / 9, 8 / 9])],
)
def test_what_a_backend_prepares_is_most_of_its_step(
    cnn: Model, monkeypatch: pytest.MonkeyPatch, *, each_shape: bool, expected: list[float]
) -> None:
    """A second and 15 for each file that is prepared, on two processors; samples that are answered meanwhile count no
    more; 1 s of timing is left."""
    work = replace(WORK, each_shape=each_shape)
    monkeypatch.setattr(OnnxRuntimeCpu, "capabilities", replace(OnnxRuntimeCpu.capabilities, prepares=work))
    shares: list[float] = []

    def judge(*_: object, on_wait: OnWait, on_progress: Callable[[float], None], **__: object) -> Judged:
        on_wait(Wait("m", 1))
        shares.append(_done(boards[0]))
        on_wait(None)
        shares.append(_done(boards[0]))
        on_wait(Wait("m", 8))
        on_wait(None)
        shares.append(_done(boards[0]))
        on_progress(1.0)
        shares.append(_done(boards[0]))
        return Judged()

    boards = _boards(monkeypatch)
    judged_by(judge, cnn, [float_variant(cnn)], monkeypatch)
    assert shares == pytest.approx(expected)


def _boards(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every board that is made from now on."""
    boards: list[Any] = []
    made = Board.__init__
    monkeypatch.setattr(Board, "__init__", lambda self, *given: boards.append(self) or made(self, *given))
    return boards


def _done(board: Any) -> float:
    """The share of all steps that is done."""
    return sum(board._expected[step] * share for step, share in board._share.items()) / sum(board._expected.values())


def test_answers_advance_the_step_where_nothing_is_prepared(cnn: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that prepares nothing takes no notice of waits."""
    shares: list[float] = []

    def judge(*_: object, on_wait: OnWait, on_progress: Callable[[float], None], **__: object) -> Judged:
        on_wait(Wait("m", 1))
        on_progress(0.5)
        shares.append(_done(boards[0]))
        return Judged()

    boards = _boards(monkeypatch)
    judged_by(judge, cnn, [float_variant(cnn)], monkeypatch)
    assert shares == [0.25], "half of 1 s, beside 1 s of timing"


def test_everything_that_was_announced_counts(cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of 1 s and timing both for 2 s: judged, half is done; one that is there already is done at once."""
    engine, told = judged_by(lambda *_, **__: Judged(), cnn, [float_variant(cnn), int8], monkeypatch)
    assert told[-1].done == 0.5
    engine._board.expect_at_least("judge onnxruntime other 4", 2.0)
    engine.submit("onnxruntime", int8, "other")
    engine.fail("onnxruntime", "broken", "its digest", "it cannot be applied")
    engine._board.tell("more")
    assert told[-1].done == pytest.approx(4 / 6)
    assert [run.reason for run in engine.runs() if run.recipe == "broken"] == ["it cannot be applied"]


def test_what_is_prepared_while_times_are_taken_is_told_of_its_file(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of no other; when it is over there is nothing to wait for."""
    seen: list[list[str]] = []

    def times(_: object, backend: str, *__: object, on_wait: OnWait, **___: object) -> dict[str, Any]:
        for wait in (Wait(str(int8.path), 8), Wait("another.onnx", 8), Wait(str(cnn.path), None), None):
            on_wait(wait)
            seen.append([digest for name, digest in engine._waits if name == backend])
        return {}

    monkeypatch.setattr(engines, "judge_variant", lambda *_, **__: Judged())
    monkeypatch.setattr(engines, "time_variants", times)
    with Engine(subject_of(cnn, data_set(4), None), {}, Effort.QUICK, Board(None, None), None) as engine:
        engine.expect(["onnxruntime"], ["a recipe"])
        engine.submit("onnxruntime", float_variant(cnn), "float")
        engine.submit("onnxruntime", int8, "a recipe")
        engine.finish_judging()
        engine.time_all(["onnxruntime"])
    assert seen == [[int8.digest], [], [float_variant(cnn).digest], []]
