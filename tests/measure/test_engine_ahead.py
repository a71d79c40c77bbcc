"""What runs beside what: files are prepared once for all, and the first backend is timed while other work waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.measure import engine as engines
from qexplorer.measure import judging
from qexplorer.measure.comparison import Progress
from qexplorer.measure.effort import Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.judging import Judged
from qexplorer.measure.pace.preparer import Preparer
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.timing import latency
from qexplorer.measure.variant import Variant, subject_of
from qexplorer.process.places.taking import beside, holds_place, somebody_waits, turn
from tests.measure.models import data_set


@contextmanager
def engine_of(model: Model, told: Callable[[Progress], None] | None = None) -> Iterator[Engine]:
    """An engine for one recipe on two backends."""
    subject = subject_of(model, data_set(4), None)
    with turn(), scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, Effort.QUICK, Board(told, None), None) as engine:
            engine.expect(["onnxruntime", "litert"], ["a recipe"])
            yield engine


class Ready:
    """Stands in for a child that will time."""

    lives = True

    def __init__(self, backend: str) -> None:
        self.backend, self.ready, self.closed = backend, False, False

    def get_ready(self) -> None:
        """Is ready."""
        self.ready = True

    def close(self) -> None:
        """Is ended."""
        self.closed = True


@pytest.fixture(autouse=True)
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Ready]:
    """The children that were started to time, none of which is a process."""
    made: list[Ready] = []

    def early_timer(backend: str, *_: object) -> Ready:
        assert holds_place()
        made.append(Ready(backend))
        return made[-1]

    monkeypatch.setattr(latency, "early_timer", early_timer)
    return made


def until(holds: Callable[[], bool]) -> bool:
    """Whether it holds within half a minute."""
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def test_the_first_backend_is_timed_before_what_is_still_prepared_for_others_is_judged(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that gets ready while the machine is taken for timing waits in the line until that is over."""
    ready, judged, seen = threading.Event(), threading.Event(), list[bool]()

    def judge(_: Variant, backend: str, *__: object, **___: object) -> Judged:
        if backend == "litert":
            assert ready.wait(30)
            with beside():
                judged.set()
        return Judged()

    def time_variants(*_: object, **__: object) -> dict[str, Any]:
        ready.set()
        seen.extend([until(somebody_waits), judged.is_set()])
        return {}

    monkeypatch.setattr(engines, "judge_variant", judge)
    monkeypatch.setattr(engines, "time_variants", time_variants)
    with engine_of(cnn) as engine:
        engine.submit("onnxruntime", int8, "a recipe")
        engine.submit("litert", int8, "a recipe")
        engine.finish_judging("onnxruntime")
        assert [each.backend for each in engine.runs()] == ["onnxruntime"]
        engine.time_all(["onnxruntime"])
        engine.finish_judging()
        assert len(engine.runs()) == 2
    assert seen == [True, False]
    assert judged.is_set()


def test_what_timing_waits_for_is_said_until_it_begins(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another file is judged, the words are of that; no time is taken beside it."""
    begun, end, told = threading.Event(), threading.Event(), list[str]()

    def judge(_: Variant, backend: str, *__: object, **___: object) -> Judged:
        if backend == "litert":
            with beside():
                begun.set()
                assert end.wait(30)
        return Judged()

    def tell(progress: Progress) -> None:
        told.append(progress.step)
        if told.count("checking answers, 1 to go") > 2:
            end.set()

    def time_variants(*_: object, **__: object) -> dict[str, Any]:
        assert end.is_set()
        return {}

    monkeypatch.setattr(engines, "judge_variant", judge)
    monkeypatch.setattr(engines, "time_variants", time_variants)
    with engine_of(cnn, tell) as engine:
        engine.submit("litert", int8, "a recipe")
        assert begun.wait(30)
        engine.submit("onnxruntime", int8, "a recipe")
        engine.submit("litert", int8, "a recipe")
        assert engine._board._done == 0, "a second order for the same is not what it waits for"
        assert until(lambda: engine._judging["onnxruntime", int8.digest].done())
        engine.collect()
        told.clear()
        engine.time_all(["onnxruntime"])
        engine.finish_judging()
    assert told[0] == "checking answers, 1 to go"


def test_without_a_line_for_the_machine_everything_is_judged_before_anything_is_timed(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would keep the others from running beside what is timed."""
    monkeypatch.setattr(engines, "line_called", lambda _: None)
    monkeypatch.setattr(engines, "judge_variant", lambda *_, **__: Judged())
    with engine_of(cnn) as engine:
        engine.submit("onnxruntime", int8, "a recipe")
        engine.submit("litert", int8, "a recipe")
        engine.finish_judging("onnxruntime")
        assert len(engine.runs()) == 2


def test_what_is_begun_while_this_process_observes_takes_a_place_of_its_own(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place is free to whoever holds one, and that is the thread that observes, not what it begins."""
    holds: list[bool] = []

    def judge(*_: object, **__: object) -> Judged:
        holds.append(holds_place())
        return Judged()

    monkeypatch.setattr(engines, "judge_variant", judge)
    with engine_of(cnn) as engine:
        with beside():
            engine.submit("onnxruntime", int8, "a recipe")
        engine.finish_judging()
    assert holds == [False]


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
    with engine_of(cnn) as engine:
        engine.submit(backend, int8, "a recipe")
        engine.finish_judging()
        (judged,) = engine._judged.values()
    assert asked == [int8.path] * calls
    assert judged.failed == (f"{int8.recipe}: it has a node that is unknown" if calls else "it was loaded")


def test_children_that_will_time_get_ready_while_the_last_variants_are_judged(
    cnn: Model, int8: Variant, timers: list[Ready], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each backend; who times is given its own, once all are ready, and what nobody takes is ended."""
    given: list[Any] = []

    def judge(_: Variant, backend: str, *__: object, **___: object) -> Judged:
        assert backend == "onnxruntime" or until(lambda: len(timers) == 2)
        return Judged()

    def time_variants(_: object, backend: str, *__: object, child: Ready, **___: object) -> dict[str, Any]:
        given.append((backend, child.backend, [each.ready for each in timers]))
        return {}

    monkeypatch.setattr(engines, "judge_variant", judge)
    monkeypatch.setattr(engines, "time_variants", time_variants)
    with engine_of(cnn) as engine:
        engine.submit("onnxruntime", int8, "a recipe")
        engine.submit("litert", int8, "a recipe")
        engine.finish_judging()
        engine.time_all(["onnxruntime"])
    assert given == [("onnxruntime", "onnxruntime", [True, True])]
    assert {each.backend: each.closed for each in timers} == {"onnxruntime": False, "litert": True}
