"""What a child tells of itself, thinned: on a clock that the test turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qexplorer.jobs.report import LOADING, Report, _Pace, overall
from qexplorer.process.places.waiting import Waiting


@dataclass(frozen=True)
class Some:
    """Something known before the end."""

    n: int


class Told:
    """A report on a clock of its own, and what it wrote."""

    def __init__(self) -> None:
        self.now, self.events = 0.0, list[dict[str, Any]]()
        self.report: Report[Some] = Report("trial-0123456789ab", self.events.append, Some, clock=lambda: self.now)

    def done(self) -> list[float]:
        """The shares that were written."""
        return [event["done"] for event in self.events if event["event"] == "progress"]


def test_one_step_is_written_at_most_twenty_times_a_second() -> None:
    """Of a hundred reports in a second about twenty are written, the first at once and the last at the end."""
    told = Told()
    for i in range(100):
        told.now = i / 100
        told.report.step("timing", i / 100)
    told.report.flush()
    assert told.done()[0] == 0.0
    assert told.done()[-1] == 0.99
    assert 18 <= len(told.done()) <= 22


def test_another_step_is_written_at_once() -> None:
    """A new step does not wait, and what waited of the one before gives way to it."""
    told = Told()
    for step, done in (("loading", 0.1), ("loading", 0.2), ("timing", 0.3), ("loading", 0.4)):
        told.report.step(step, done)
    assert told.done() == [0.1, 0.3, 0.4]
    told.report.flush()
    assert told.done() == [0.1, 0.3, 0.4]


def test_a_number_that_counts_up_is_one_step() -> None:
    """Samples are counted in the words of the step; it is thinned all the same, and keeps the newest words."""
    told = Told()
    for i in range(1, 513):
        told.report.count_samples(i, 512)
    assert [event["step"] for event in told.events] == ["observing sample 1 of 512"]
    told.report.flush()
    assert told.events[-1]["step"] == "observing sample 512 of 512"
    assert told.done()[-1] == pytest.approx(0.85)


def test_what_is_known_is_written_at_once_and_after_its_step() -> None:
    """A partial result is never thinned, and the step that waited goes before it."""
    told = Told()
    for i in range(3):
        told.report.step("counting", i / 3)
        told.report.partial(Some(i))
    assert [event["event"] for event in told.events] == ["progress", "partial"] * 3
    assert [event["value"] for event in told.events[1::2]] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_the_time_left_follows_from_the_pace() -> None:
    """Nothing is said at once; then what is left takes as long as what was done, without what was there already and
    without the time in the line for the machine."""
    told = Told()
    said = []
    for now, done in ((0, 0.0), (0.1, 0.2), (2, 0.25), (10.1, 0.4), (10.2, 0.4)):
        told.now = now
        told.report.after_loading(f"at {done}", done)
        said.append(told.events[-1]["seconds_left"])
    assert said[:3] == [None, None, None], "too little was seen"
    assert said[3] == pytest.approx(10.1 / 0.2 * 0.6)
    told.report.wait(Waiting(1))
    told.now += 60
    told.report.wait(Waiting(1, 40.0))
    told.now += 40
    told.report.wait(None)
    line = [event["waiting"] for event in told.events[-3:]]
    assert line == [{"place": 1, "seconds": None}, {"place": 1, "seconds": 40.0}, None]
    told.report.after_loading("goes on", 0.4)
    assert told.events[-1]["seconds_left"] == pytest.approx(10.2 / 0.2 * 0.6)


@pytest.mark.parametrize(
    ("now", "done", "left"),
    [
        (3.0, 0.5, None),
        (3.1, 0.5, 3.1),
        (10.0, 0.05, None),
        (10.0, 0.06, 10.0 / 0.06 * 0.94),
        (10.0, 1.0, 0.0),
    ],
)
def test_a_pace_says_something_after_a_while(now: float, done: float, left: float | None) -> None:
    """After three seconds and a twentieth of the work."""
    pace = _Pace()
    assert pace.left(0.0, 0.0) is None
    assert pace.left(1.0, 0.0) is None
    assert pace.left(now, done) == (None if left is None else pytest.approx(left))


@pytest.mark.parametrize(("after", "share", "counts"), [(0.2, 0.2, False), (0.4, 0.2, True), (0.2, 0.04, True)])
def test_a_share_that_took_no_time_was_there_already(after: float, share: float, counts: bool) -> None:
    """A jump within a blink is left out of the pace; a small step, or one that took its time, is not."""
    pace = _Pace()
    pace.left(0.0, 0.0)
    pace.left(after, share)
    done = 0.5
    won = done if counts else done - share
    assert pace.left(10.0, done) == pytest.approx(10.0 / won * 0.5)


def test_room_for_the_end_is_kept_until_then(workspace_folder: Path) -> None:
    """A file of a few megabytes in the job's folder, which is gone when the end is written; none need be."""
    told = Told()
    told.report.release_room()
    told.report.keep_room()
    folder = workspace_folder / "jobs" / "trial-0123456789ab"
    assert told.report.folder == folder
    assert sum(path.stat().st_size for path in folder.iterdir()) >= 1_000_000
    told.report.release_room()
    assert sum(path.stat().st_size for path in folder.iterdir()) == 0


def test_loading_is_a_small_part_of_the_whole() -> None:
    """What comes after it fills the rest."""
    assert (overall(0.0), overall(1.0)) == (LOADING, pytest.approx(1.0))
    assert overall(0.5) == pytest.approx((1 + LOADING) / 2)
    told = Told()
    told.report.count_samples(0, 0)
    assert told.done() == [LOADING]


def test_a_step_without_news_writes_nothing_twice() -> None:
    """What waited is written once, and so is what was written at once."""
    told = Told()
    told.report.step("timing", 0.1)
    told.report.step("timing", 0.2)
    for _ in range(2):
        told.report.flush()
    assert told.done() == [0.1, 0.2]
