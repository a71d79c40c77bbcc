"""What a child tells of itself, thinned: on a clock that the test turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from qexplorer.jobs.report import Report
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
    told.now += 100
    told.report.wait(None)
    told.report.after_loading("goes on", 0.4)
    assert told.events[-1]["seconds_left"] == pytest.approx(10.2 / 0.2 * 0.6)
