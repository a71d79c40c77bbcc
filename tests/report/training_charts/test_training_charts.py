"""A training in pictures and words: lines of float and rounding, the best state, what goes wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.quantize.training.diaries.diary import Diary, Look, Moment, Shape
from qexplorer.quantize.training.diaries.forecast import TrainingForecast
from qexplorer.quantize.training.seen import Epoch, FloatVerdict
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_svg
from qexplorer.report.training_charts.curves import curve_points, held_lines, loss_spec, metric_spec, shown_epochs
from qexplorer.report.training_charts.inside import gradient_rows, gradient_spec, scale_spec, weight_rows, weight_spec
from qexplorer.report.training_charts.words import cost_text, forecast_text, integer_text, so_far, trouble, won

EPOCHS = (
    Epoch(0, None, 2.0, 0.362, (0.25, 0.49)),
    Epoch(1, 1.5, 1.0, 0.8, (0.68, 0.88)),
    Epoch(2, 0.8, 0.5, 0.958, (0.863, 0.988)),
    Epoch(3, 0.7, 0.6, 0.95, (0.85, 0.98)),
)
MOMENTS = (Moment(3, 1, 1.8, 10.0, 0.5, 1.0, {"fc.weight": 1.1}), Moment(9, 2, 0.9, 5.0, 0.0, 2.0, {"fc.weight": 0.9}))
DIARY = Diary(20, 5, 540, 60, "accuracy", FloatVerdict(0.1, 0.995, (0.93, 1.0)), EPOCHS, 2, MOMENTS, ("fc",))
LOOK = Look("int2", (-1.0, 0.0, 1.0), -2.0, 1.0, Shape((0, 2, 4, 2), 0.0), Shape((1, 3, 3, 1), 0.25), 0.4)


def test_it_says_what_was_won_with_interval_and_number() -> None:
    """From the rounded state to the best one, float, on how many samples."""
    text = "accuracy from 36.2 % to 95.8 % (86.3 to 98.8), float 99.5 %, on 60 samples held back"
    assert won(DIARY) == text
    assert so_far(DIARY) == f"Epoch 4 of 20, best so far epoch 2: {text}"
    assert (
        cost_text(replace(DIARY, seconds=33.0, memory_bytes=601_000_000)) == "35 s of training so far, 601 MB of memory"
    )
    assert cost_text(replace(DIARY, seconds=9.0, device="cuda", ended=True)) == "9 s of training on the GPU"
    assert so_far(DIARY.cut(0)).startswith("Epoch 1 of 20")
    plain = replace(DIARY, metric=None, epochs=tuple(replace(each, metric=None, ci95=None) for each in EPOCHS))
    assert won(plain) == "loss from 2.00 to 0.500, float 0.100, on 60 samples held back"
    assert integer_text(DIARY, 0.958) == "The written file, run in integers: 95.8 %, as training said."
    assert integer_text(DIARY, 0.95) == "The written file, run in integers: 95.0 %."


def test_what_goes_wrong_is_one_sentence_with_a_way_out() -> None:
    """A loss that rises, one that is no number, no epoch better than rounding, nothing to win; else silence."""
    assert trouble(DIARY) is None
    rising = (*EPOCHS, Epoch(4, 1.0, 0.8), Epoch(5, 1.0, 1.9))
    assert "has risen from 0.500 to 1.90: the state after epoch 2 is kept" in str(
        trouble(replace(DIARY, epochs=rising))
    )
    broken = replace(DIARY, stopped="the loss was no number in epoch 4")
    assert "ended because the loss was no number in epoch 4: the state after epoch 2 is kept" in str(trouble(broken))
    assert trouble(replace(DIARY, stopped="the loss on samples held back did not fall for 3 epochs")) is None
    thrown = replace(
        DIARY, epochs=(Epoch(0, None, 0.1, 1.0), Epoch(1, 3.0, 30.0, 0.1), Epoch(2, 2.0, 20.0, 0.1)), best=0
    )
    assert "threw the weights off: the loss on samples held back went from 0.100 to 20.0 at best" in str(
        trouble(thrown)
    )
    worse = replace(DIARY, epochs=(*EPOCHS[:1], Epoch(1, 3.0, 3.0, 0.3)), best=0, ended=True)
    assert "No epoch was better" in str(trouble(worse))
    poorer = replace(DIARY, epochs=(*EPOCHS[:1], Epoch(1, 3.0, 1.0, 0.2)), best=1)
    assert "but its accuracy is worse than that of rounding alone" in str(trouble(poorer))
    whole = replace(worse, epochs=(Epoch(0, None, 0.1, 1.0), Epoch(1, 3.0, 0.2, 0.3)))
    assert "loses nothing" in str(trouble(whole))


def test_a_forecast_in_words() -> None:
    """Time, memory, how much was measured, and where it computes if not on the processor."""
    found = TrainingForecast(170.0, 700_000_000, 12, 420, 0, "cpu")
    assert forecast_text(found) == "about 3 min, 700 MB of memory (12 of 420 steps measured)"
    going = replace(found, went_on=7, device="cuda", memory_bytes=None)
    assert forecast_text(going) == "about 3 min on the GPU, going on after epoch 7 (12 of 420 steps measured)"
    assert "nothing is left" in forecast_text(replace(found, of=0))


def test_curves_have_the_lines_of_float_and_of_rounding() -> None:
    """Percent for a share, intervals, the best state marked, the state before training as a line."""
    points = curve_points(DIARY, metric=True)
    assert [each.value for each in points] == [pytest.approx(value) for value in (36.2, 80.0, 95.8, 95.0)]
    assert [each.epoch for each in points if each.best] == [2]
    assert points[2].low == pytest.approx(86.3)
    lines = {each.name: each.value for each in held_lines(DIARY, metric=True)}
    assert lines == {"float": pytest.approx(99.5), "rounded only": pytest.approx(36.2)}
    assert [each.value for each in held_lines(DIARY, metric=False)] == [0.1, 2.0]
    endless = replace(DIARY, epochs=(*EPOCHS, Epoch(4, float("inf"), float("nan"))))
    assert len(curve_points(endless, metric=False)) == 4


def test_every_chart_is_drawn_and_saved() -> None:
    """SVG and CSV of each; the weights' chart has every bin, zeros have no place on the gradients' log scale."""
    metric = metric_spec(DIARY)
    assert metric is not None
    assert metric["title"]["text"] == "Accuracy (%)"
    for spec in (loss_spec(DIARY), metric, scale_spec(DIARY, ("fc.weight",)), gradient_spec(DIARY)):
        assert "<svg" in chart_svg(spec)
        assert chart_csv(spec)
    assert metric_spec(replace(DIARY, metric=None)) is None
    assert [row["now"] for row in weight_rows(LOOK)] == [0.125, 0.375, 0.375, 0.125]
    spec = weight_spec("fc", LOOK)
    assert "40.0 % of codes moved, 25.0 % outside" in spec["title"]["subtitle"]
    assert "<svg" in chart_svg(spec)
    assert [row["of"] for row in gradient_rows(DIARY)] == ["weights", "scales", "weights"]


def test_the_axis_of_epochs_grows_with_the_curve() -> None:
    """Of 200 epochs the first ten are seen before there are more; in the end it ends where training did."""
    long = replace(DIARY, of=200)
    assert shown_epochs(long) == 5
    assert shown_epochs(replace(long, epochs=(*EPOCHS, Epoch(10, 1.0, 1.0)))) == 20
    assert shown_epochs(replace(DIARY, of=4)) == 4
    assert shown_epochs(replace(long, ended=True)) == 3


def test_a_diary_comes_back_from_json_and_can_be_cut() -> None:
    """What is written is read equal; cut at an epoch it is what was known then."""
    whole = replace(DIARY, looks={"fc": LOOK})
    assert Diary.from_json(whole.to_json()) == whole
    cut = whole.cut(1)
    assert (cut.trained, cut.best, cut.moments) == (1, 1, MOMENTS[:1])
