"""What a training has come to, in sentences."""

from __future__ import annotations

from itertools import pairwise

from qexplorer.core.plugin_kinds.metric import Direction
from qexplorer.core.plugins import METRICS
from qexplorer.core.words.numbers import number_text
from qexplorer.process.places.waiting import duration
from qexplorer.quantize.training.diaries.diary import Diary
from qexplorer.quantize.training.diaries.forecast import TrainingForecast
from qexplorer.quantize.training.seen import Epoch
from qexplorer.report.metric_words import value_text, with_interval
from qexplorer.report.training_charts.curves import judged_metric
from qexplorer.report.words import bytes_text

__all__ = ["choice_text", "cost_text", "forecast_text", "integer_text", "so_far", "trouble", "won"]

_RISES = 2
_BROKEN = "no number"  # what the engine says where the loss became none
_FAR = 3.0  # times the loss before training, which no epoch came back to
_LEAP = 100.0  # times the loss before training, in a single step
_MUCH = 1.25  # times the least loss so far


def won(diary: Diary) -> str:
    """``from 36.2 % to 95.8 % (86.3 to 98.8), float 99.5 %, on 60 samples held back``."""
    samples = f"on {diary.judged:,} sample{'' if diary.judged == 1 else 's'} held back"
    first, best = diary.epochs[0], diary.best_epoch
    before, after = _metric(diary, first), _metric(diary, best, interval=True)
    if before is None or after is None:
        text = f"loss from {number_text(first.held_back)} to {number_text(best.held_back)}"
        return f"{text}, float {number_text(diary.float_.loss)}, {samples}"
    found = judged_metric(diary, 0.0)
    name = "" if found is None else f"{found.label} "
    told = None if diary.float_.metric is None else judged_metric(diary, diary.float_.metric)
    float_text = "" if told is None else f", float {value_text(told)}"
    return f"{name}from {before} to {after}{float_text}, {samples}"


def so_far(diary: Diary) -> str:
    """``Epoch 3 of 20, the best so far is epoch 2: accuracy from 36.2 % to ...``."""
    at = min(diary.trained + 1, diary.of)
    if diary.trained == 0:
        return f"Epoch {at} of {diary.of}; the first curve point comes at its end"
    best = "the untrained state" if diary.best == 0 else f"epoch {diary.best}"
    return f"Epoch {at} of {diary.of}, best so far {best}: {won(diary)}"


def trouble(diary: Diary) -> str | None:
    """What goes wrong, one sentence with a way out; None if nothing does."""
    kept = "the state before training is" if diary.best == 0 else f"the state after epoch {diary.best} is"
    if diary.stopped is not None and _BROKEN in diary.stopped:
        return f"Training ended because {diary.stopped}: {kept} kept. A smaller learning rate usually helps."
    thrown = _thrown(diary)
    if thrown is not None:
        return f"Training threw the weights off: {thrown}, and {kept} kept. A smaller learning rate usually helps."
    last = [each.held_back for each in diary.epochs[-_RISES - 1 :]]
    rising = len(last) > _RISES and all(one < other for one, other in pairwise(last))
    if rising and last[-1] > _MUCH * diary.best_epoch.held_back:
        from_, to = number_text(diary.best_epoch.held_back), number_text(last[-1])
        risen = f"The loss on samples held back has risen from {from_} to {to}: {kept} kept."
        return f"{risen} {'Try' if diary.ended else 'Stop here, or try'} a smaller learning rate."
    if diary.chosen_by is None and diary.best > 0 and _against_rounding(diary, diary.best_epoch.metric) < 0:
        by = "accuracy" if diary.metric is None else METRICS.get(diary.metric).title
        return (
            f"By its loss the state after epoch {diary.best} is the best, but its {by} is worse than that of rounding "
            "alone: try a smaller learning rate, or less distillation."
        )
    if diary.ended and diary.best == 0 and diary.trained > 0:
        if _loses_nothing(diary):
            return "Rounding alone loses nothing on the samples held back, so nothing can be won back: try fewer bits."
        return "No epoch was better than rounding alone, so that is kept. Try a smaller learning rate or more epochs."
    return None


def _thrown(diary: Diary) -> str | None:
    """What the loss did, as a clause, where weights were thrown off and nothing was won but by chance."""
    first, rest = diary.epochs[0], diary.epochs[1:]
    if not rest or first.held_back <= 0 or _won_surely(diary):
        return None
    if _loses_nothing(diary) and any(_against_rounding(diary, each.metric) >= 0 for each in rest):
        return None  # a loss of next to nothing rises by any step
    least, most = min(each.held_back for each in rest), max((each.loss for each in diary.moments), default=0.0)
    before = number_text(first.held_back)
    if diary.best == 0 and least > _FAR * first.held_back:
        return f"the loss on samples held back went from {before} to {number_text(least)} at best"
    if most > _LEAP * first.held_back:
        return f"the loss of a step went up to {number_text(most)}, from {before} before training"
    return None


def _won_surely(diary: Diary) -> bool:
    """Whether the best state is better than the untrained one by more than chance, or by the loss where that chose."""
    first, best = diary.epochs[0], diary.best_epoch
    if diary.best == 0 or first.metric is None or best.ci95 is None or diary.chosen_by is None:
        return diary.best > 0
    low, high = best.ci95
    return not low <= first.metric <= high


def _loses_nothing(diary: Diary) -> bool:
    """Whether rounding alone is as good as float by the metric."""
    known = diary.epochs[0].metric is not None and diary.float_.metric is not None
    return known and _against_rounding(diary, diary.float_.metric) <= 0


def _against_rounding(diary: Diary, value: float | None) -> float:
    """How much better than the untrained state a value of the metric is; 0 where there is none."""
    first = diary.epochs[0].metric
    if diary.metric is None or first is None or value is None:
        return 0.0
    return (value - first) * (1 if METRICS.get(diary.metric).direction is Direction.HIGHER else -1)


def cost_text(diary: Diary) -> str:
    """``33 s of training so far, 601 MB of memory``, and where, if not on the processor."""
    memory = "" if diary.memory_bytes is None else f", {bytes_text(diary.memory_bytes)} of memory"
    on = " on the GPU" if diary.device == "cuda" else ""
    if diary.device_before not in (None, diary.device):
        before = {"cuda": "the GPU", "cpu": "the processor"}.get(str(diary.device_before), diary.device_before)
        on += f" (up to epoch {diary.went_on} on {before}, so that another run need not give the same bits)"
    return f"{duration(diary.seconds)} of training{'' if diary.ended else ' so far'}{on}{memory}"


def choice_text(diary: Diary) -> str:
    """``The best epoch is the one with the highest accuracy on samples held back, by the loss among equals.``"""
    if diary.chosen_by is None:
        return "The best epoch is the one with the least loss on samples held back."
    metric = METRICS.get(diary.chosen_by)
    most = "highest" if metric.direction is Direction.HIGHER else "lowest"
    return f"The best epoch is the one with the {most} {metric.title} on samples held back, by the loss among equals."


def forecast_text(found: TrainingForecast) -> str:
    """``about 3 min, 700 MB (12 of 420 steps measured)``."""
    if found.of == 0:
        return "nothing is left to train: the result is there at once"
    memory = "" if found.memory_bytes is None else f", {bytes_text(found.memory_bytes)} of memory"
    on = " on the GPU" if found.device == "cuda" else ""
    went_on = f", going on after epoch {found.went_on}" if found.went_on else ""
    return f"about {duration(found.seconds)}{memory}{on}{went_on} ({found.steps} of {found.of:,} steps measured)"


def integer_text(diary: Diary, value: float | None) -> str | None:
    """What the written file says on the same samples; None where it has no value."""
    found = None if value is None else judged_metric(diary, value)
    if found is None:
        return None
    same = diary.best_epoch.metric == value
    return f"The written file, run in integers: {value_text(found)}{', as training said' if same else ''}."


def _metric(diary: Diary, epoch: Epoch, *, interval: bool = False) -> str | None:
    if epoch.metric is None:
        return None
    found = judged_metric(diary, epoch.metric, epoch.ci95)
    return None if found is None else (with_interval(found) if interval else value_text(found))
