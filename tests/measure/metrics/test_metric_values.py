"""Each metric against its definition, written out sample by sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qexplorer.core.plugin_kinds.metric import Answers, Metric, NoScore
from qexplorer.core.plugins import METRICS
from qexplorer.core.tasks.segmentation import IGNORED
from qexplorer.core.tasks.sequences import IGNORED as NOT_JUDGED

RNG = np.random.default_rng(7)
LOGITS = RNG.standard_normal((60, 9)).astype(np.float32)
CLASSES = np.concatenate([RNG.integers(0, 8, 59), [8]])


def value(
    name: str, outputs: list[np.ndarray], labels: np.ndarray | None, floats: list[np.ndarray] | None = None
) -> float:
    """The metric called ``name`` of these answers."""
    metric = METRICS.get(name)
    n = len(outputs[0])
    scores = metric.scores(Answers(outputs, n, labels, floats))
    assert scores.shape[0] == n
    assert scores.dtype == np.float64
    return metric.value(scores)


def test_shares_of_samples_are_counted() -> None:
    """Top-1, top-5 and balanced accuracy of random scores over nine classes, one of them rare."""
    pairs = list(zip(LOGITS.argmax(axis=1).tolist(), CLASSES.tolist(), strict=True))
    assert value("accuracy", [LOGITS], CLASSES) == sum(x == y for x, y in pairs) / 60
    five = [np.argsort(-row, kind="stable")[:5].tolist() for row in LOGITS]
    assert value("top5_accuracy", [LOGITS], CLASSES) == sum(y in x for x, y in zip(five, CLASSES, strict=True)) / 60
    recalls = [np.mean([x == y for x, y in pairs if y == c]) for c in sorted(set(CLASSES.tolist()))]
    assert value("balanced_accuracy", [LOGITS], CLASSES) == pytest.approx(np.mean(recalls))


def test_ties_count_as_the_first_place_counts_them() -> None:
    """Of equal scores the lower number is ahead: with all equal, classes 0 to 4 are among five, class 5 is not."""
    metric = METRICS.get("top5_accuracy")
    scores = metric.scores(Answers([np.zeros((3, 6), np.float32)], 3, np.array([0, 4, 5])))
    assert scores[:, 0].tolist() == [1, 1, 0]
    pictures = metric.scores(Answers([np.zeros((3, 6, 1, 1), np.float32)], 3, np.array([0, 4, 5])))
    assert pictures.tolist() == scores.tolist()


@pytest.mark.parametrize("shape", [(50, 1), (50, 3)])
def test_regression_is_that_of_its_definition(shape: tuple[int, int]) -> None:
    """RMSE and R2 of one and of three numbers a sample, each number weighing by its variance."""
    labels = RNG.standard_normal(shape) * 3
    found = labels + RNG.standard_normal(shape)
    kept = labels[:, 0] if shape[1] == 1 else labels
    errors, variances = ((labels - found) ** 2).mean(axis=0), labels.var(axis=0)
    assert value("rmse", [found], kept) == pytest.approx(math.sqrt(errors.mean()))
    each = 1 - errors / variances
    assert value("r2", [found], kept) == pytest.approx(np.average(each, weights=variances))


def test_r2_of_labels_without_variance_is_not_a_number() -> None:
    """Nothing can be explained where nothing varies."""
    assert math.isnan(value("r2", [np.ones((4, 1))], np.full(4, 2.0)))


@pytest.mark.parametrize("scored", [True, False])
def test_miou_is_the_mean_of_jaccard_indices_over_classes_present(scored: bool) -> None:
    """From scores and from class numbers alike; ignored pixels count nowhere, and a class that nobody names neither."""
    scores = RNG.standard_normal((6, 5, 4, 7))
    scores[:, 3] = -100.0  # class 3 is in no answer and in no label
    labels = RNG.choice([0, 1, 2, 4, IGNORED], (6, 4, 7))
    said = scores.argmax(axis=1)
    seen = labels != IGNORED
    pairs = [(set(np.flatnonzero(said[seen] == c)), set(np.flatnonzero(labels[seen] == c))) for c in (0, 1, 2, 4)]
    wanted = np.mean([len(x & y) / len(x | y) for x, y in pairs])
    outputs = [scores] if scored else [said]
    assert value("miou", outputs, labels) == pytest.approx(wanted)


def test_a_class_that_is_never_right_counts_as_nothing_right() -> None:
    """Of classes 0 and 1 all answers are 0: half of the pixels for 0, none for 1."""
    assert value("miou", [np.zeros((1, 2, 2), np.int64)], np.array([[[0, 0], [1, 1]]])) == pytest.approx(0.25)


def test_perplexity_and_token_accuracy_by_the_definition() -> None:
    """Over all judged places of all samples, however many a sample has."""
    logits = RNG.standard_normal((7, 5, 11)) * 4
    labels = RNG.integers(0, 11, (7, 5))
    labels[0, 2:] = labels[3, :4] = NOT_JUDGED
    places = labels != NOT_JUDGED
    chances = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    loss = -np.mean([math.log(row[label]) for row, label in zip(chances[places], labels[places], strict=True)])
    assert value("perplexity", [logits], labels) == pytest.approx(math.exp(loss))
    right = np.mean(labels[places] == logits.argmax(axis=2)[places])
    assert value("token_accuracy", [logits], labels) == pytest.approx(right)


def test_huge_logits_have_a_finite_perplexity() -> None:
    """The exponentials are taken from the largest logit on."""
    assert value("perplexity", [np.array([[[1e4, 0.0]]])], np.array([[0]])) == 1.0


def test_likeness_to_float_covers_every_output() -> None:
    """SQNR pools all outputs, the worst output is one of them, and the cosine is of all values of a sample."""
    floats = [RNG.standard_normal((300, 4)), RNG.standard_normal((300, 2, 3))]
    ours = [floats[0] + 0.01 * RNG.standard_normal((300, 4)), floats[1] + 0.2 * RNG.standard_normal((300, 2, 3))]
    flat, other = (np.concatenate([x.reshape(300, -1) for x in each], axis=1) for each in (floats, ours))
    decibels = [10 * math.log10((x**2).sum() / ((x - y) ** 2).sum()) for x, y in zip(floats, ours, strict=True)]
    ratio = (flat**2).sum() / ((flat - other) ** 2).sum()
    assert value("sqnr", ours, None, floats) == pytest.approx(10 * math.log10(ratio))
    assert value("worst_output_sqnr", ours, None, floats) == pytest.approx(min(decibels))
    cosines = [x @ y / math.sqrt((x @ x) * (y @ y)) for x, y in zip(flat, other, strict=True)]
    assert value("cosine", ours, None, floats) == pytest.approx(np.mean(cosines))


def test_the_worst_output_has_its_own_interval() -> None:
    """That of its SQNR alone, whichever of three it is."""
    worst, alone = METRICS.get("worst_output_sqnr"), METRICS.get("sqnr")
    floats = [RNG.standard_normal((50, 4)) for _ in range(3)]
    for place in range(3):
        noise = [0.3 if i == place else 0.1 for i in range(3)]
        ours = [x + size * RNG.standard_normal(x.shape) for x, size in zip(floats, noise, strict=True)]
        scores = worst.scores(Answers(ours, 50, None, floats))
        one = alone.scores(Answers(ours[place : place + 1], 50, None, floats[place : place + 1]))
        assert worst.value(scores) == pytest.approx(alone.value(one))
        assert worst.interval(scores) == pytest.approx(alone.interval(one))
    with pytest.raises(NoScore, match="one output"):
        worst.scores(Answers(ours[:1], 50, None, floats[:1]))


def test_answers_equal_to_floats_have_no_finite_sqnr() -> None:
    """Without noise the ratio is infinite, and zeros are like zeros."""
    zeros = [np.zeros((3, 2))]
    assert value("sqnr", [np.ones((3, 2))], None, [np.ones((3, 2))]) == math.inf
    assert value("cosine", zeros, None, zeros) == 1.0
    assert value("cosine", zeros, None, [np.ones((3, 2))]) == 0.0


@pytest.mark.parametrize(
    ("name", "output", "labels", "words"),
    [
        ("accuracy", np.zeros((2, 3, 4)), np.zeros(2, int), "names no class"),
        ("top5_accuracy", np.zeros((2, 3)), np.zeros(2, int), "3 classes"),
        ("rmse", np.zeros((2, 3)), np.zeros(2), r"shape \(2, 3\)"),
        *[("top5_accuracy", np.zeros(shape), np.zeros(2, int), "no table") for shape in [(2,), (3, 7), (2, 7, 2)]],
        ("top5_accuracy", np.zeros((2, 5)), np.zeros(2, int), "5 classes"),
        ("rmse", np.zeros((1, 2)), np.zeros(2), r"shape \(1, 2\)"),  # as many numbers, for one sample
        ("rmse", np.float64(1), np.zeros(2), r"shape \(\)"),
        ("rmse", np.full((2, 1), np.inf), np.zeros(2), "not a finite number"),
        ("perplexity", np.zeros((2, 3)), np.zeros((2, 3), int), "the labels have"),
        ("perplexity", np.full((2, 3, 4), [-np.inf, 0, 0, 0]), np.zeros((2, 3), int), "no likelihood"),
        ("r2", np.full((2, 1), np.nan), np.zeros(2), "not a finite number"),
        ("miou", np.zeros((2, 3, 4, 4)), np.zeros((2, 4, 5), int), "the masks have"),
        ("miou", np.zeros((2, 4, 5)), np.zeros((2, 4, 5), int), "neither scores"),
        ("perplexity", np.zeros((2, 4, 5)), np.zeros((2, 3), int), "the labels have"),
        ("token_accuracy", np.zeros((2, 3, 5)), np.full((2, 3), 5), "token 5"),
    ],
)
def test_answers_that_cannot_be_scored_say_why(name: str, output: np.ndarray, labels: np.ndarray, words: str) -> None:
    """The sentence stands where the value would."""
    with pytest.raises(NoScore, match=words):
        METRICS.get(name).scores(Answers([output], 2, labels))


@pytest.mark.parametrize("name", ["accuracy", "top5_accuracy", "rmse", "perplexity", "token_accuracy", "miou", "sqnr"])
def test_scores_of_parts_are_those_of_the_whole(name: str) -> None:
    """A sample's scores do not depend on which others are judged with it, so pieces can be put together."""
    metric = METRICS.get(name)
    outputs, labels, floats = case(metric)
    whole = metric.scores(Answers(outputs, 20, labels, floats))
    parts = [slice(0, 7), slice(7, 20)]
    pieces = [
        metric.scores(
            Answers(
                [x[at] for x in outputs],
                at.stop - at.start,
                None if labels is None else labels[at],
                None if floats is None else [x[at] for x in floats],
            )
        )
        for at in parts
    ]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-12)


@pytest.mark.parametrize("name", ["sqnr", "cosine"])
def test_likeness_counts_each_sample_of_many_and_no_answer_that_is_not_finite(name: str) -> None:
    """600 samples, each by itself; NaN in any output of either side leaves nothing to compare."""
    metric, rng = METRICS.get(name), np.random.default_rng(5)
    floats = [rng.standard_normal((600, 3)), rng.standard_normal((600, 2))]
    ours = [x + 0.1 * rng.standard_normal(x.shape) for x in floats]
    whole = metric.scores(Answers(ours, 600, None, floats))
    for i in (0, 255, 256, 511, 512, 599):
        one = metric.scores(Answers([x[i : i + 1] for x in ours], 1, None, [x[i : i + 1] for x in floats]))
        np.testing.assert_allclose(whole[i], one[0], rtol=1e-12)
    for side in (ours, floats):
        side[1][599, 1] = np.nan
        with pytest.raises(NoScore, match="not a finite number"):
            metric.scores(Answers(ours, 600, None, floats))
        side[1][599, 1] = 0.0


@pytest.mark.parametrize("name", ["perplexity", "token_accuracy", "miou"])
def test_where_nothing_is_judged_there_is_no_value(name: str) -> None:
    """Neither zero nor one; alone it has no interval, and beside float no difference."""
    labels = {"miou": np.full((3, 4, 4), IGNORED)}.get(name, np.full((3, 5), NOT_JUDGED))
    output = np.zeros((3, 2, 4, 4) if name == "miou" else (3, 5, 7))
    metric = METRICS.get(name)
    scores = metric.scores(Answers([output], 3, labels))
    assert math.isnan(metric.value(scores))
    assert metric.interval(scores) is None
    assert metric.compare(scores, scores).ci95 is None


def test_pixels_of_classes_that_the_model_does_not_know_are_wrong() -> None:
    """A label beyond the model's classes counts as one more, of which nothing is right; a number below zero as 0."""
    scores = np.zeros((1, 2, 1, 4))
    scores[0, 0] = 1.0  # class 0 everywhere
    assert value("miou", [scores], np.array([[[0, 0, 3, 3]]])) == pytest.approx((0.5 + 0) / 2)
    assert value("miou", [np.array([[[-1, 0, 0, 1]]])], np.array([[[0, 0, 0, 1]]])) == pytest.approx((2 / 4 + 1) / 2)


def test_hopeless_answers_have_a_value_that_is_a_number() -> None:
    """A loss of 5,000 a place would have a perplexity beyond any float; an RMSE of 0 has no interval."""
    assert math.isfinite(value("perplexity", [np.array([[[5e3, 0.0]]])], np.array([[1]])))
    assert METRICS.get("rmse").interval(np.zeros((4, 1))) is None
    assert METRICS.get("rmse").value(np.zeros((4, 1))) == 0.0


def case(metric: Metric) -> tuple[list[np.ndarray], np.ndarray | None, list[np.ndarray] | None]:
    """20 answers that the metric can score: outputs, labels, float outputs."""
    rng = np.random.default_rng(3)
    if metric.needs_float:
        floats = [rng.standard_normal((20, 6)), rng.standard_normal((20, 3))]
        return [x + 0.1 * rng.standard_normal(x.shape) for x in floats], None, floats
    if metric.name in ("rmse", "r2"):
        return [rng.standard_normal((20, 1))], rng.standard_normal(20), None
    if metric.name == "miou":
        return [rng.standard_normal((20, 3, 4, 4))], rng.integers(0, 3, (20, 4, 4)), None
    if metric.name in ("perplexity", "token_accuracy"):
        return [rng.standard_normal((20, 5, 8))], rng.integers(0, 8, (20, 5)), None
    return [rng.standard_normal((20, 8))], rng.integers(0, 8, 20), None
