"""Answers on a wall: no decibels, but how large the error is beside the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN, Answers
from qexplorer.core.plugins import METRICS
from qexplorer.core.results import Accuracy
from qexplorer.measure.metrics.results import result_of, score_all
from qexplorer.report.metric_words import stated
from qexplorer.report.present.cards import presentation
from qexplorer.report.present.choosing import allowances, question, two_of
from qexplorer.report.present.page import page
from qexplorer.report.present.plainly import plain_answers, without_decibels
from tests.report.comparisons import comparison, float_run, quantized_run


def _near(decibels: float, half: float = 1.0) -> Accuracy:
    return replace(stated("sqnr", decibels, 50), ci95=(decibels - half, decibels + half))


def test_the_share_is_that_of_the_root_mean_squares() -> None:
    """What is said of measured answers is the root mean square of their error over that of float's answers."""
    rng = np.random.default_rng(0)
    floats = rng.standard_normal((40, 7)).astype(np.float32)
    answers = floats + 0.1 * rng.standard_normal((40, 7)).astype(np.float32)
    metric = METRICS.get("sqnr")
    scored = score_all([metric], Answers([answers], 40, floats=[floats]))
    found = plain_answers(result_of(metric, scored, scored, 40, is_float=False))
    assert found is not None
    assert found.value == pytest.approx(
        np.sqrt(np.square(answers - floats).mean() / np.square(floats).mean()), rel=1e-5
    )
    assert found.ci95 is not None
    assert found.ci95[0] < found.value < found.ci95[1]


@pytest.mark.parametrize(
    ("decibels", "said"), [(18.7, "12 %"), (20.0, "10 %"), (31.2, "2.8 %"), (62.0, "0.079 %"), (-4.0, "158 %")]
)
def test_a_sentence_says_the_share(decibels: float, said: str) -> None:
    """Two digits of the error's size beside the answer's, whichever size it has."""
    run = quantized_run(accuracy=_near(decibels))
    found = without_decibels(comparison(float_run(accuracy=None), run))
    sentence = presentation(found, found.runs[1:]).cards[1].sentence
    assert f"with answers that differ from the original's by {said} of their size (" in sentence


def test_no_decibel_is_left_on_the_page_or_the_slider() -> None:
    """Neither the cards nor what the slider asks and offers says dB or SQNR."""
    runs = [float_run(accuracy=None), *(quantized_run(f"w{db}", accuracy=_near(db)) for db in (18, 32))]
    found = without_decibels(comparison(*runs))
    text = page(presentation(found, found.runs[1:])) + question(found.runs)
    text += "".join(place.text for place in allowances(found.runs))
    assert "dB" not in text
    assert "SQNR" not in text


def test_the_slider_allows_what_it_says() -> None:
    """Its places are the interval's worse ends, rounded up; what they allow are the runs within them."""
    runs = [float_run(accuracy=None), *(quantized_run(f"w{db}", accuracy=_near(db)) for db in (18, 32))]
    found = without_decibels(comparison(*runs))
    places = allowances(found.runs)
    assert [place.text for place in places] == ["at most 2.9 %", "at most 15 %", "whatever it takes"]
    assert [run.recipe for run in two_of(found.runs, places[0].loss)] == ["w32"]


def test_answers_that_are_floats_own_have_no_error() -> None:
    """No error is an error of nothing, the best there can be, not answers that were not judged."""
    run = quantized_run(accuracy=replace(stated("sqnr", 0.0, 50), value=None, reason=FLOATS_OWN))
    found = without_decibels(comparison(float_run(accuracy=None), run))
    card = presentation(found, found.runs[1:]).cards[1]
    assert "with every answer the original's own, 50 samples." in card.sentence
    assert card.bars[0].share == 0
    assert allowances(found.runs)[0].loss == 0


def test_other_metrics_stay_as_they_are() -> None:
    """A share of right answers is plain already."""
    found = Accuracy("accuracy", 0.9, (0.8, 0.95), 100, -0.09, (-0.11, -0.07), 0.01, 0, 9)
    assert plain_answers(found) is found
    assert plain_answers(None) is None
