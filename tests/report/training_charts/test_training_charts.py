"""A training in pictures and words: lines of float and rounding, the best state, what goes wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.quantize.training.diaries.diary import Diary, Look, Moment, Shape
from qexplorer.quantize.training.diaries.forecast import TrainingForecast
from qexplorer.quantize.training.seen import Epoch, FloatVerdict
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_svg
from qexplorer.report.training_charts.curves import curve_points, held_lines, loss_spec, metric_spec, shown_epochs
from qexplorer.report.training_charts.inside import (
    gradient_rows,
    gradient_spec,
    scale_rows,
    scale_spec,
    weight_rows,
    weight_spec,
)
from qexplorer.report.training_charts.words import (
    choice_text,
    cost_text,
    forecast_text,
    integer_text,
    so_far,
    trouble,
    won,
)

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
    assert str(trouble(replace(DIARY, epochs=rising))).endswith("Stop here, or try a smaller learning rate.")
    assert str(trouble(replace(DIARY, epochs=rising, ended=True))).endswith("kept. Try a smaller learning rate.")
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
    assert curve_points(replace(DIARY, metric=None), metric=True) == ()
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


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ((2.0, 0.5, 0.6, 0.63), "has risen from 0.500 to 0.630"),
        ((2.0, 0.5, 0.6, 0.625), None),
        ((2.0, 0.5, 0.5, 0.9), None),
        ((2.0, 0.5, 0.9, 0.8), None),
        ((0.5, 0.6, 0.9), "has risen"),
        ((2.0, 0.5, 0.9), None),
        ((0.5, 0.9), None),
    ],
)
def test_a_loss_rises_where_two_epochs_in_a_row_are_worse(losses: tuple[float, ...], words: str | None) -> None:
    """And the last is a quarter above the least; fewer epochs tell nothing yet."""
    epochs = tuple(Epoch(i, None, loss) for i, loss in enumerate(losses))
    best = losses.index(min(losses))
    found = trouble(replace(DIARY, epochs=epochs, best=best, metric=None))
    assert (found is None) is (words is None), found
    assert words is None or words in str(found)


@pytest.mark.parametrize(("least", "thrown"), [(0.31, True), (0.29, False)])
def test_weights_are_thrown_off_where_no_epoch_came_near(least: float, thrown: bool) -> None:
    """The least loss of all epochs is over three times that before training."""
    epochs = (Epoch(0, None, 0.1), Epoch(1, 1.0, least), Epoch(2, 1.0, 9.0))
    found = str(trouble(replace(DIARY, epochs=epochs, best=0)))
    assert ("threw the weights off" in found) is thrown
    assert not thrown or "and the state before training is kept" in found


def test_a_leap_of_the_loss_is_told_where_nothing_was_won_but_by_chance() -> None:
    """One answer more than the untrained state's is chance; a best state beyond its interval has come back."""
    epochs = (Epoch(0, None, 2.0, 0.098, (0.04, 0.21)), Epoch(1, 9.0, 2.3, 0.118, (0.055, 0.234)))
    leap = replace(DIARY, epochs=epochs, best=1, chosen_by="accuracy", moments=(replace(MOMENTS[0], loss=4e8),))
    assert "the loss of a step went up to 400,000,000, from 2.00 before training, and the state after epoch 1" in str(
        trouble(leap)
    )
    assert trouble(replace(leap, moments=(replace(MOMENTS[0], loss=199.0),))) is None
    assert trouble(replace(leap, epochs=(epochs[0], replace(epochs[1], metric=0.9, ci95=(0.8, 0.95))))) is None


def test_a_loss_of_next_to_nothing_may_rise() -> None:
    """Where rounding loses nothing and an epoch loses nothing either, that is said, and not that weights went off."""
    epochs = (Epoch(0, None, 0.0003, 1.0), Epoch(1, 1.2, 0.3, 0.98), Epoch(2, 0.1, 0.009, 1.0))
    whole = replace(DIARY, epochs=epochs, best=0, ended=True, chosen_by="accuracy")
    assert "loses nothing on the samples held back" in str(trouble(whole))
    assert "threw the weights off" in str(trouble(whole.cut(1)))


def test_what_is_told_of_a_best_state_that_is_worse_by_the_metric() -> None:
    """Only where the loss chose it; equal is not worse; lower is better for an error."""
    epochs = (EPOCHS[0], Epoch(1, 1.0, 0.5, 0.3))
    poor = replace(DIARY, epochs=epochs, best=1)
    assert "its accuracy is worse" in str(trouble(poor))
    assert trouble(replace(poor, chosen_by="accuracy")) is None
    assert trouble(replace(poor, epochs=(EPOCHS[0], Epoch(1, 1.0, 0.5, 0.362)))) is None
    error = replace(poor, metric="rmse", epochs=(Epoch(0, None, 2.0, 0.3), Epoch(1, 1.0, 0.5, 0.4)))
    assert "its RMSE is worse" in str(trouble(error))
    assert trouble(replace(poor, metric="rmse")) is None


def test_a_training_that_ended_without_a_gain() -> None:
    """Nothing was to be won where rounding is as good as float; before the end nothing is said of it."""
    ended = replace(DIARY, epochs=(EPOCHS[0], Epoch(1, 1.0, 2.5, 0.3)), best=0, ended=True)
    assert "No epoch was better than rounding alone" in str(trouble(ended))
    assert trouble(replace(ended, ended=False)) is None
    assert trouble(replace(ended, epochs=EPOCHS[:1])) is None
    for float_metric, lost in ((0.362, "loses nothing"), (0.363, "No epoch"), (None, "No epoch")):
        assert lost in str(trouble(replace(ended, float_=FloatVerdict(0.1, float_metric))))


def test_where_it_computed_is_told() -> None:
    """On the GPU, and where the epochs before came from another device."""
    moved = replace(DIARY, seconds=9.0, ended=True, went_on=3, device="cuda", device_before="cpu")
    same = "so that another run need not give the same bits"
    assert cost_text(moved) == f"9 s of training on the GPU (up to epoch 3 on the processor, {same})"
    back = replace(moved, device="cpu", device_before="cuda")
    assert cost_text(back) == f"9 s of training (up to epoch 3 on the GPU, {same})"
    assert cost_text(replace(moved, device_before="cuda")) == "9 s of training on the GPU"


def test_which_epoch_is_the_best_is_told_by_what_chose_it() -> None:
    """The loss, or the metric with the side that is better."""
    assert choice_text(DIARY) == "The best epoch is the one with the least loss on samples held back."
    for name, words in (("accuracy", "highest accuracy"), ("rmse", "lowest RMSE")):
        assert f"with the {words} on samples held back, by the loss" in choice_text(replace(DIARY, chosen_by=name))


def test_how_far_a_training_is() -> None:
    """The epoch at work, at most the last; the untrained state may be the best; one sample is one."""
    assert so_far(DIARY.cut(0)) == "Epoch 1 of 20; the first curve point comes at its end"
    assert so_far(replace(DIARY, of=3)).startswith("Epoch 3 of 3, best so far epoch 2: accuracy")
    untrained = replace(DIARY, best=0, judged=1)
    assert so_far(untrained).startswith(
        "Epoch 4 of 20, best so far the untrained state: accuracy from 36.2 % to 36.2 %"
    )
    assert won(untrained).endswith("on 1 sample held back")
    assert "float" not in won(replace(DIARY, float_=FloatVerdict(0.1, None)))
    assert integer_text(DIARY, None) is None
    assert integer_text(replace(DIARY, metric=None), 0.5) is None


def test_what_moves_inside_lies_at_its_part_of_an_epoch() -> None:
    """A step is a share of the steps of an epoch; a chosen scale is marked; bins are as wide as the look says."""
    moments = (replace(MOMENTS[0], scales={"fc.weight": 1.1, "x": 0.5}), MOMENTS[1])
    assert scale_rows(replace(DIARY, moments=moments), ("fc.weight",)) == [
        {"epoch": 0.6, "tensor": "fc.weight", "ratio": 1.1, "chosen": True},
        {"epoch": 0.6, "tensor": "x", "ratio": 0.5, "chosen": False},
        {"epoch": 1.8, "tensor": "fc.weight", "ratio": 0.9, "chosen": True},
    ]
    assert [(row["epoch"], row["norm"]) for row in gradient_rows(DIARY)] == [(0.6, 10.0), (0.6, 0.5), (1.8, 5.0)]
    wide = weight_rows(replace(LOOK, width=0.5))
    assert [(row["low"], row["high"]) for row in wide] == [(-2.0, -1.5), (-1.5, -1.0), (-1.0, -0.5), (-0.5, 0.0)]
    assert [(row["now"], row["before"]) for row in wide] == [(0.125, 0.0), (0.375, 0.25), (0.375, 0.5), (0.125, 0.25)]
