"""The cards as data: sentences without jargon, and bars on axes that all cards share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Accuracy, Energy, Latency, Size
from qexplorer.report.metric_words import stated
from qexplorer.report.present.cards import Card, CardBar, presentation
from qexplorer.report.present.page import fragment, page
from qexplorer.report.present.plainly import without_decibels
from qexplorer.report.present.sentences import kind_of, size_clause
from tests.report.comparisons import comparison, float_run, quantized_run


def cards(**changes: Any) -> tuple[Card, ...]:
    """Float's card and that of a quantized run with these changes."""
    run = quantized_run(**changes)
    return presentation(comparison(float_run(), run), [run]).cards


def bar(card: Card, name: str) -> CardBar:
    """The bar of this quantity."""
    return next(each for each in card.bars if each.name == name)


def test_a_sentence_says_size_speed_and_answers() -> None:
    """What is told of speed and of answers is what the verdict tells, with its interval."""
    base, run = cards()
    assert run.sentence == (
        "3.8 times smaller, 2.00 times faster (1.90 to 2.10), with no difference that 100 samples could show, though a "
        "loss of up to 5.4 points could hide."
    )
    assert base.sentence.endswith("99.0 % of 100 samples right.")


def test_as_right_as_before_needs_samples_that_could_tell() -> None:
    """Only where no loss that matters could hide are the answers called as right as before."""
    found = Accuracy("accuracy", 0.99, (0.98, 0.995), 5000, 0.0, (-0.004, 0.004), 1.0, 10, 10)
    assert "and as right as before: no difference that 5,000 samples could show" in cards(accuracy=found)[1].sentence


def test_a_loss_is_told() -> None:
    """A run that loses for certain says how much."""
    found = Accuracy("accuracy", 0.9, (0.8, 0.95), 100, -0.09, (-0.11, -0.07), 0.01, 0, 9)
    assert "and it loses 9.0 points of accuracy (7.0 to 11.0, 100 samples)." in cards(accuracy=found)[1].sentence


@pytest.mark.parametrize(
    ("own", "said"),
    [(152_500, "four times smaller"), (160_000, "3.8 times smaller"), (1_220_000, "two times larger"),
     (600_000, "as large as before")],
)  # fmt: skip
def test_sizes_in_words(own: int, said: str) -> None:
    """The file's size against float's 610 kB, as a whole number in letters where it is one."""
    assert size_clause(quantized_run(size=Size(own, own)), float_run()) == said


def test_bars_share_an_axis_from_zero() -> None:
    """A bar is as long as its share of the largest end of any card, and the axis' end is written."""
    base, run = cards()
    time = [bar(card, "time for one answer") for card in (base, run)]
    assert [each.share for each in time] == pytest.approx([0.2 / 0.21, 0.1 / 0.21])
    assert {each.end for each in time} == {"210 µs"}
    assert (time[1].text, time[1].words) == ("100 µs", "between 90 and 110 µs")
    assert bar(run, "accuracy").share == pytest.approx(0.98)
    assert bar(run, "accuracy").words == "between 93.0 and 99.4 %, on 100 samples"
    assert bar(base, "size of the file").share == 1


def test_what_is_uncertain_is_striped_and_says_why() -> None:
    """Estimated energy and the time of a busy machine do not look like solid measurements."""
    noisy = Latency(0.1, 0.12, 0.2, (0.09, 0.3), 900, 1, 1, False, 1.7, (1.3, 2.1), "load", load="a program")
    run = cards(latency_ms=noisy)[1]
    time, energy = bar(run, "time for one answer"), bar(run, "energy for one answer")
    assert time.uncertain
    assert time.words.endswith("on a busy machine")
    assert energy.uncertain
    assert "estimated" in energy.words
    assert "1.3 to 2.1 times faster, on a busy machine" in run.sentence


def test_what_was_not_measured_has_a_reason_and_no_bar() -> None:
    """A missing energy is a dash with its reason, not a bar of no length."""
    found = bar(cards(energy_mj=Energy(None, None, "estimated", "no power limit is known"))[1], "energy for one answer")
    assert (found.share, found.text, found.words) == (None, "", "no power limit is known")


def test_a_model_without_classes_is_judged_by_its_likeness_to_float() -> None:
    """Similarity to float is the quality then, and float's own card says that others are compared with it."""
    near = replace(stated("sqnr", 31.2, 50), ci95=(30.1, 32.0))
    run = quantized_run(accuracy=near)
    found = without_decibels(comparison(float_run(accuracy=None), run))
    base, other = (card.bars[0] for card in presentation(found, found.runs[1:]).cards)
    assert base.name == other.name == "error beside the answer, lower is better"
    assert base.words == "the others are compared with this one"
    assert (other.text, other.words, other.end) == ("2.8 %", "between 2.5 and 3.1 %, on 50 samples", "3.1 %")


def test_too_few_samples_are_said_on_the_wall() -> None:
    """What is said wherever accuracy is shown stands under the cards."""
    few = Accuracy("accuracy", 0.9, (0.7, 1.0), 20, 0.0, (-0.2, 0.2), 1.0, 1, 1)
    run = quantized_run(accuracy=few)
    assert "only 20 samples judge the answers" in presentation(comparison(float_run(accuracy=few), run), [run]).facts


def test_recipes_in_words() -> None:
    """What a recipe does to weights and values, in bits."""
    assert kind_of(Recipe.parse("w8a8").to_yaml()) == "8 bits instead of 32"
    assert kind_of(Recipe.parse("w4a8").to_yaml()) == "weights in 4 bits, values in 8 bits"
    assert kind_of(Recipe.parse("w8").to_yaml()) == "weights in 8 bits"
    assert kind_of(None) == ""


def test_the_page_needs_no_network_and_escapes_names() -> None:
    """Nothing is read from elsewhere, no script is in it, and a name cannot become markup."""
    run = quantized_run("<b>mine</b>")
    shown = presentation(comparison(float_run(), run), [run])
    text = page(shown)
    assert "http" not in text
    assert "<script" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "<b>mine</b>" not in text
    assert "&lt;b&gt;mine" in text
    assert "@page { size: A4 landscape" in text
    assert "prefers-color-scheme: dark" in text
    assert fragment(shown).split("</style>")[1] in text


def test_without_a_chosen_run_float_stands_alone() -> None:
    """Where the slider allows nothing that was measured, float is what remains."""
    assert [card.title for card in presentation(comparison(), []).cards] == ["float"]


def test_a_cost_without_an_interval_says_what_it_is() -> None:
    """A file's size is exact; a time that is known once is not; a bar is never longer than its axis."""
    took = Latency(0.1, 0.12, 0.2, None, 1, 1, 1, True)
    base, run = cards(latency_ms=took, energy_mj=None)
    assert bar(run, "size of the file").words == "exact"
    assert bar(run, "time for one answer").words == "without an interval"
    assert (bar(run, "time for one answer").low, bar(run, "time for one answer").high) == (None, None)
    assert bar(base, "time for one answer").high == 1.0
    unknown = bar(run, "energy for one answer")
    assert (unknown.text, unknown.share) == ("", None)
    assert unknown.words


def test_an_answer_is_laid_on_an_axis_that_begins_at_zero() -> None:
    """Up to the metric's best end, or the largest end of all; below zero there is no bar."""
    wrong = replace(stated("r2", -0.4, 50), ci95=(-0.9, 0.1))
    found = bar(cards(accuracy=wrong)[1], wrong.label)
    assert (found.share, found.low, found.high, found.end) == (0.0, 0.0, pytest.approx(0.1), "1")
    assert found.words == "between -0.9 and 0.1, on 50 samples"
    base, worse = (replace(stated("rmse", value, 50), ci95=(value / 2, value * 2)) for value in (1.0, 2.0))
    both = presentation(
        comparison(float_run(accuracy=base), quantized_run(accuracy=worse)), [quantized_run(accuracy=worse)]
    )
    bars = [card.bars[0] for card in both.cards]
    assert [each.share for each in bars] == pytest.approx([0.25, 0.5])
    assert {each.name for each in bars} == {f"{worse.label}, lower is better"}
    assert {each.end for each in bars} == {"4"}


def test_float_stands_for_the_backend_of_the_first_that_is_shown() -> None:
    """A run of another one is told beside its own float, and the heading names the first."""
    elsewhere = quantized_run("w4", "openvino")
    runs = (float_run(), quantized_run(), float_run("openvino", size=Size(610_000, 600_000)), elsewhere)
    shown = presentation(comparison(*runs), [runs[1], elsewhere])
    assert shown.title == "net, on ONNX Runtime"
    assert [card.title for card in shown.cards] == ["float", "w8a8", "w4"]
    assert "both on OpenVINO" in shown.cards[2].sentence
    assert "both on" not in shown.cards[1].sentence
    assert presentation(comparison(*runs), [elsewhere]).title == "net, on OpenVINO"


def test_float_is_as_it_was_made_and_others_say_their_bits() -> None:
    """On their cards; a recipe that is not known says nothing."""
    run = quantized_run()
    whole = comparison(float_run(), run, recipes={run.digest: "w8a8"})
    assert [card.kind for card in presentation(whole, [run]).cards] == [
        *("32 bits, as it was made", "8 bits instead of 32"),
    ]
    assert presentation(comparison(float_run(), run, recipes={}), [run]).cards[1].kind == ""


def test_a_card_without_a_judgement_says_why() -> None:
    """Float of a metric that compares with float is what the others are compared with; others have their reason."""
    alike = replace(stated("agreement", 0.97, 100), ci95=(0.9, 0.99), enough=0.95)
    none = replace(alike, value=None, ci95=None)
    for mine, words in (
        (None, "the others are compared with this one"),
        (none, "the others are compared with this one"),
        (replace(none, enough=None, reason="untrained"), "untrained"),
        (replace(none, enough=None, reason=None), "not judged"),
    ):
        base, run = float_run(accuracy=mine), quantized_run(accuracy=alike)
        first = presentation(comparison(base, run), [run]).cards[0].bars[0]
        assert (first.text, first.words) == ("", words)
