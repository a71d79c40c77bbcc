"""What a page says to a stream or a training, and what it reads of them, without either running."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs.live import HEARTBEAT, NOTES, WINDOWS, Side, begin, control_of, notes_of, steer, windows_of
from qexplorer.jobs.training import look_at, looked_at, stop, stop_asked
from qexplorer.measure.live.windows import LiveWindow

JOB, A, B = "live-0123456789ab", Side(recipe="w8a8", backend="torch"), Side(recipe="float", backend="torch")


@pytest.fixture
def folder() -> Path:
    """Of a job that somebody has ordered."""
    found = workspace("jobs", JOB)
    (found / "order.json").write_text("{}")
    return found


def test_a_stream_runs_what_was_ordered_until_the_page_says_otherwise(folder: Path) -> None:
    """Each change is counted up, the rate's too; what is said again is none; the order does not undo the page."""
    assert (control_of(JOB).version, control_of(JOB).sides) == (0, {})
    begin(JOB, {"a": A}, 5.0)
    assert (control_of(JOB).version, control_of(JOB).sides, control_of(JOB).rate) == (1, {"a": A}, 5.0)
    versions = []
    for sides, rate in (({"a": A}, 5.0), ({"a": B}, 5.0), ({"a": B}, None), ({"a": B}, None)):
        steer(JOB, sides, rate)
        versions.append(control_of(JOB).version)
    assert versions == [1, 2, 3, 3]
    begin(JOB, {"a": A}, 5.0)
    assert (control_of(JOB).version, control_of(JOB).sides) == (3, {"a": B})
    old = time.time() - 100
    os.utime(folder / HEARTBEAT, (old, old))
    steer(JOB, {"a": B}, None)
    assert time.time() - (folder / HEARTBEAT).stat().st_mtime < 50
    with pytest.raises(UnknownName):
        steer("live-000000000000", {"a": A}, None)


@pytest.mark.parametrize("beyond", ["", '{"t_s": 5', '{"t_s": 500.0, "sid'])
def test_of_a_long_stream_its_end_is_read_in_whole_windows(folder: Path, beyond: str) -> None:
    """A line that was cut at the beginning, and one that is still being written, are no windows."""
    parts = {"sides": {}, "cpu_percent": [3.5] * 400, "rss_bytes": 5}
    lines = [json.dumps({"t_s": float(i), **parts}) for i in range(1000, 1300)]
    windows = [LiveWindow.from_json(json.loads(line)) for line in lines]
    (folder / WINDOWS).write_text("\n".join(lines) + "\n" + beyond)
    fit = (400_000 - len(beyond)) // (len(lines[0]) + 1)
    assert len({len(line) for line in lines}) == 1
    assert 1 < fit < 300
    assert windows_of(JOB) == windows[-fit:]
    (folder / WINDOWS).write_text(lines[0] + "\n")
    assert windows_of(JOB) == windows[:1]


def test_why_a_side_does_not_run_is_read_by_its_place(folder: Path) -> None:
    """Nothing where both do."""
    assert notes_of(JOB) == {}
    (folder / NOTES).write_text('{"b": "there is no such backend"}')
    assert notes_of(JOB) == {"b": "there is no such backend"}


def test_a_training_looks_at_the_layers_that_were_looked_at_last(folder: Path) -> None:
    """At most four, the newest first; none that nobody has looked at for a while, and none that is not there."""
    assert looked_at(folder, ["l0"]) == []
    for layer, ago in ((0, 60.0), (1, 9.0), (2, 1.0), (3, 3.0), (4, 5.0), (5, 7.0), (7, 2.0)):
        look_at(JOB, layer)
        then = time.time() - ago
        os.utime(folder / "look" / str(layer), (then, then))
    (folder / "look" / "x").touch()
    assert looked_at(folder, [f"l{i}" for i in range(8)]) == ["l2", "l7", "l3", "l4"]
    assert looked_at(folder, ["l0", "l1", "l2"]) == ["l2"]
    os.utime(folder / "look" / "2", (0, 0))
    os.utime(folder / "look" / "7", (0, 0))
    assert looked_at(folder, [f"l{i}" for i in range(8)]) == ["l3", "l4", "l5", "l1"]
    os.utime(folder / "look" / "3", (0, 0))
    assert looked_at(folder, [f"l{i}" for i in range(8)]) == ["l4", "l5", "l1"], "a minute ago is long ago"


def test_a_training_stops_where_that_was_asked(folder: Path) -> None:
    """Of a job that is gone nothing is asked."""
    assert not stop_asked(folder)
    stop(JOB)
    assert stop_asked(folder)
    stop("train-000000000000")
    look_at("train-000000000000", 3)
    assert not (workspace("jobs") / "train-000000000000").exists()
