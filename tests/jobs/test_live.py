"""The stream's job: it prepares what is asked for, follows changes, and ends when nobody looks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qexplorer.jobs import live, manager
from qexplorer.jobs.kinds.live import LIVE, LiveOrder
from qexplorer.jobs.live import HEARTBEAT, Side, beat, folder_of, notes_of, steer, windows_of
from qexplorer.jobs.manager import JobStatus
from qexplorer.measure.live.windows import LiveWindow
from tests.jobs.orders import DATA, MODEL

FLOAT = Side(recipe="float", backend="onnxruntime")
INT8 = Side(recipe="w8a8", backend="onnxruntime")


def until(what: Callable[[], Any], job_id: str, seconds: float = 90.0) -> Any:
    """The first true answer, looking at the stream all the while as a page would."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, (manager.state(job_id), notes_of(job_id))
        beat(job_id)
        time.sleep(0.1)
    return found


def leave(job_id: str) -> None:
    """Makes the last look at the stream one of long ago."""
    old = time.time() - 100
    os.utime(folder_of(job_id) / HEARTBEAT, (old, old))


@pytest.fixture
def started() -> Iterator[str]:
    """A stream of float beside int8 on the smallest sample."""
    job_id = manager.submit(LIVE, LiveOrder(model=MODEL, data=DATA, rate=20.0, sides={"a": FLOAT, "b": INT8}))
    yield job_id
    manager.cancel(job_id)


def last(job_id: str) -> LiveWindow | None:
    """The newest window."""
    return next(iter(windows_of(job_id)[::-1]), None)


def test_it_follows_the_page_and_ends_with_it(started: str) -> None:
    """Float and int8 stream; who asks for the same again interrupts nothing; the right side becomes w4a8 while it runs;
    without a look the job is done."""
    until(lambda: last(started), started)
    first = last(started)
    assert first is not None
    assert {place: side.label for place, side in first.sides.items()} == {
        "a": "float, ONNX Runtime",
        "b": "w8a8, ONNX Runtime",
    }
    before = (folder_of(started) / live.CONTROL).read_bytes()
    steer(started, {"a": FLOAT, "b": INT8}, 20.0)
    assert (folder_of(started) / live.CONTROL).read_bytes() == before
    steer(started, {"a": FLOAT, "b": Side(recipe="w4a8", backend="onnxruntime")}, 20.0)
    until(lambda: (w := last(started)) and w.sides["b"].label.startswith("w4a8"), started)
    now = last(started)
    assert now is not None
    assert now.t_s > first.t_s
    assert now.sides["a"].seen > now.sides["b"].seen  # the left side kept its count, the right one began anew
    leave(started)
    end = time.monotonic() + 60
    while manager.state(started).is_running:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert manager.state(started).status is JobStatus.DONE
    result = LIVE.result_of(manager.state(started))
    assert result is not None
    assert result.windows >= len(windows_of(started)) > 0


def test_a_side_that_cannot_run_is_told_and_the_other_goes_on(started: str) -> None:
    """No such backend, no such recipe: a sentence at its place, while the left side streams alone."""
    for wrong in (Side(recipe="w8a8", backend="tpu"), Side(recipe="w99", backend="onnxruntime")):
        steer(started, {"a": FLOAT, "b": wrong}, 20.0)
        until(lambda: "b" in notes_of(started), started)
        until(lambda: (w := last(started)) and set(w.sides) == {"a"}, started)
        assert "a" not in notes_of(started)
        steer(started, {"a": FLOAT, "b": INT8}, 20.0)
        until(lambda: not notes_of(started) and (w := last(started)) and set(w.sides) == {"a", "b"}, started)


def test_a_stream_that_is_not_there_has_nothing_to_tell() -> None:
    """No windows, no notes, and a look at it is no error."""
    beat("live-000000000000")
    assert windows_of("live-000000000000") == []
    assert notes_of("live-000000000000") == {}
