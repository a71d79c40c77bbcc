"""The diary: what is told of time, what a run that goes on keeps, and where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Float32, Grid
from qexplorer.quantize.training.diaries.diary import read_diary
from qexplorer.quantize.training.diaries.forecast import Prober
from qexplorer.quantize.training.diaries.keeping import DiaryKeeper
from qexplorer.quantize.training.seen import Epoch, FloatVerdict, Trained
from qexplorer.quantize.training.watching import Beginning, TrainingStep

STEPS, EPOCHS = 10, 6


class _Network:
    """One layer whose scale grows."""

    def layers(self) -> Sequence[str]:
        return ("fc",)

    def look(self, layer: str) -> tuple[Float32, Grid]:
        assert layer == "fc"
        one, zero = np.float32(1).reshape(()), np.int32(0).reshape(())
        return np.zeros((3, 3), np.float32), Grid(get_format("int4"), one, zero, None, None, -7, 7)

    def ratios(self) -> Mapping[str, float]:
        return {"fc.weight": 1.5}


class _Clock:
    """Seconds that go up when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _beginning(before: int = 0) -> Beginning:
    epochs = tuple(Epoch(number, 1.0, 1.0 / (1 + number)) for number in range(before + 1))
    return Beginning(EPOCHS, STEPS, 90, 10, None, FloatVerdict(0.1, None), epochs)


def _train(keeper: DiaryKeeper, clock: _Clock, first: int, last: int) -> None:
    network = _Network()
    for epoch in range(first, last + 1):
        for step in range((epoch - 1) * STEPS, epoch * STEPS):
            wanted = keeper.wants()
            clock.now += 0.4
            if wanted:
                keeper.step(TrainingStep(step + 1, epoch, 2.0, 1.0, 0.5), network)
        clock.now += 1.0
        keeper.epoch(Epoch(epoch, 2.0, 1.0 / (1 + epoch)), epoch, network)


def test_the_time_that_is_left_is_that_of_the_steps_and_epochs_seen() -> None:
    """Steps of 0.4 s and judging of 1 s: after 2 of 6 epochs of 10 steps, 20 s are left."""
    clock = _Clock()
    keeper = DiaryKeeper(clock=clock)
    keeper.begins(_beginning(), _Network())
    _train(keeper, clock, 1, 2)
    diary = keeper.diary
    assert diary is not None
    assert diary.seconds == pytest.approx(10.0)
    assert diary.seconds_left == pytest.approx(4 * (STEPS * 0.4 + 1.0))
    assert (diary.trained, diary.best) == (2, 2)
    assert 7 <= len(diary.moments) < 20
    assert diary.moments[-1].scales == {"fc.weight": 1.5}
    keeper.ends(Trained([*diary.epochs], 2, None), _Network())
    assert keeper.diary is not None
    assert keeper.diary.ended


def test_a_run_that_goes_on_keeps_the_curve_of_before(tmp_path: Path) -> None:
    """What was told of whole epochs stays, what was told after them is told again."""
    clock, path = _Clock(), tmp_path / "diary.json"
    first = DiaryKeeper(path, clock=clock)
    assert first.wants_again()
    first.begins(_beginning(), _Network())
    _train(first, clock, 1, 3)
    assert first.diary is not None
    second = DiaryKeeper(path, clock=clock)
    assert not second.wants_again()
    second.begins(_beginning(before=2), _Network())
    diary = second.diary
    assert diary is not None
    assert (diary.went_on, diary.trained) == (2, 2)
    assert {each.epoch for each in diary.moments} == {1, 2}
    assert read_diary(path) == diary
    path.write_text('{"of": 3}')
    assert read_diary(path) is None


def test_a_stop_is_heeded_within_a_step_or_an_epoch() -> None:
    """Asked to stop, it raises Cancelled, and the diary has what was there."""
    clock, asked = _Clock(), [False]
    keeper = DiaryKeeper(clock=clock, stops=lambda: asked[0])
    keeper.begins(_beginning(), _Network())
    _train(keeper, clock, 1, 1)
    asked[0] = True
    with pytest.raises(Cancelled):
        _train(keeper, clock, 2, 2)
    assert keeper.diary is not None
    assert keeper.diary.trained == 1


def test_a_prober_ends_the_training_once_it_knows_enough() -> None:
    """From 12 steps of 0.1 s it foretells the 60, and a third of that for each sample that is judged."""
    clock = _Clock()
    prober = Prober(clock=clock)
    prober.begins(_beginning(), _Network())
    for number in range(1, 13):
        clock.now += 0.1
        prober.step(TrainingStep(number, 1, 1.0, 1.0, None), _Network())
    assert prober.forecast is None
    clock.now += 0.1
    with pytest.raises(Cancelled):
        prober.step(TrainingStep(13, 2, 1.0, 1.0, None), _Network())
    found = prober.forecast
    assert found is not None
    assert (found.steps, found.of) == (12, 60)
    assert found.seconds == pytest.approx(60 * 0.1 * (1 + 10 / 90 / 3))
    over = Prober(clock=clock)
    with pytest.raises(Cancelled):
        over.begins(_beginning(before=EPOCHS), _Network())
    assert over.forecast is not None
    assert (over.forecast.of, over.forecast.seconds) == (0, 0.0)
