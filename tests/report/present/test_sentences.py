"""One sentence on a run without jargon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Accuracy, Latency, Run, Size
from qexplorer.report.metric_words import stated
from qexplorer.report.present.cards import presentation
from qexplorer.report.present.choosing import allowances, possible_loss, question, two_of
from qexplorer.report.present.page import fragment
from qexplorer.report.present.sentences import float_sentence, kind_of, sentence_of, size_clause
from tests.report.comparisons import comparison, float_run, quantized_run

ERROR = replace(stated("rmse", 0.5, 100), ci95=(0.4, 0.6))


def told(accuracy: Accuracy | None) -> str:
    """What the sentence says of answers."""
    run = quantized_run(accuracy=accuracy, size=None, latency_ms=None)
    return sentence_of(run, [run], None)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (290_000, "2.1 times smaller"),
        (61_000, "ten times smaller"),
        (55_400, "11 times smaller"),
        (582_000, "as large as before"),
        (580_000, "1.1 times smaller"),
        (645_000, "1.1 times larger"),
        (0, ""),
    ],
)
def test_a_size_beside_floats(size: int, said: str) -> None:
    """Whole numbers from two to ten in letters; 5 % are no difference."""
    assert size_clause(quantized_run(size=Size(size, size)), float_run()) == said


def test_a_size_needs_floats() -> None:
    """Nothing is said of it where either is not known."""
    for run, base in ((quantized_run(size=None), float_run()), (quantized_run(), None)):
        assert size_clause(run, base) == ""
    assert (
        size_clause(quantized_run(), float_run(size=None))
        == size_clause(quantized_run(), float_run(size=Size(0, 0)))
        == ""
    )


def test_what_answers_are_worth_is_told_in_the_metrics_words() -> None:
    """A difference, none that could be seen, a value alone, or why there is none."""
    assert told(None) == "With answers that were not judged."
    assert told(Accuracy("accuracy", None, reason="untrained")) == "With answers that were not judged: untrained."
    assert told(ERROR) == "With RMSE 0.5 (0.4 to 0.6) on 100 samples."
    alike = replace(stated("agreement", 0.97, 100), ci95=(0.92, 0.99))
    assert told(alike).startswith("And it says what float says on 97.0 % of 100 samples")
    worse = replace(ERROR, delta=0.1, delta_ci95=(0.05, 0.15))
    assert told(worse) == "With 0.1 higher RMSE (0.05 to 0.15, 100 samples)."
    assert told(replace(worse, delta=None)) == told(replace(worse, delta_ci95=None)) == told(ERROR)


def test_float_says_what_its_answers_are_worth() -> None:
    """Unless the metric compares with float itself, or there is none."""
    bare = "The model as it was made, which everything is measured against."
    assert float_sentence(float_run()) == f"{bare[:-1]}: 99.0 % of 100 samples right."
    assert float_sentence(float_run(accuracy=None)) == bare
    assert float_sentence(float_run(accuracy=Accuracy("accuracy", None))) == bare
    assert float_sentence(float_run(accuracy=stated("agreement", 1.0, 100))) == bare


def test_a_recipe_in_words() -> None:
    """Weights and values alike are said once."""
    assert kind_of(Recipe.parse("w8a16").to_yaml()) == "weights in 8 bits, values in 16 bits"
    assert kind_of("name: mine\nlayers: [{match: a, weights: {format: int4}}]\n") == "some layers changed"


def test_a_run_on_another_backend_is_compared_with_its_own_float() -> None:
    """Which is said, as the float beside it on the wall is another one."""
    one, other = quantized_run("w8a8"), quantized_run("w4a8", "openvino")
    shown = presentation(comparison(float_run(), float_run("openvino"), one, other), [one, other])
    assert shown.title == "net, on ONNX Runtime"
    assert "2.00 times faster (1.90" in shown.cards[1].sentence
    assert "2.00 times faster than float, both on OpenVINO (1.90" in shown.cards[2].sentence


def test_a_card_has_a_line_for_an_interval_and_stripes_for_doubt() -> None:
    """Places on the axis in per cent; no axis without a value; stripes are explained where there are any."""
    took = Latency(0.1, 0.1, 0.1, (0.05, 0.15), 100, 1, 1, True, 2.0, (1.9, 2.1))
    whole = comparison(float_run(energy_mj=None), quantized_run(latency_ms=took, energy_mj=None))
    text = fragment(presentation(whole, whole.runs[1:]))
    assert "style='width:47.62%'></div><div class='qx-line' style='left:23.81%;width:47.62%'>" in text
    assert "Striped" not in text
    assert "qx-striped'" not in text
    striped = fragment(presentation(comparison(), comparison().runs[1:]))
    assert "Striped: estimated, or from a busy machine." in striped
    assert "qx-fill qx-striped'" in striped


def lower(value: float, ms: float, recipe: str) -> Run:
    """A run judged by an error, without a difference to float."""
    found = replace(stated("rmse", value, 100), ci95=(value - 0.1, value + 0.1))
    return quantized_run(
        recipe, accuracy=found, latency_ms=Latency(ms, ms, ms, None, 9, 1, 1, True), size=Size(100, 100)
    )


def test_an_error_is_asked_for_by_how_large_it_may_be() -> None:
    """Its worse end is the upper one; a run without an interval is taken at its value."""
    runs = [float_run(), lower(0.5, 1.0, "w4"), lower(0.2, 2.0, "w8")]
    assert question(runs) == "How far from float may the answers be? RMSE"
    assert possible_loss(runs[1], 1) == pytest.approx(0.6)
    assert [place.text for place in allowances(runs)] == ["at most 0.3", "at most 0.6", "whatever it takes"]
    assert [run.recipe for run in two_of(runs, 0.45)] == ["w8"]
    assert [run.recipe for run in two_of(runs, 1.0)] == ["w4", "w8"]
    bare = replace(runs[1], accuracy=replace(stated("agreement", 0.9, 100), ci95=None))
    assert possible_loss(bare, 1) == pytest.approx(0.1)
    assert question([float_run()]) == "What may be shown?"
    assert question([float_run(), quantized_run()]) == "How much accuracy may we lose?"
