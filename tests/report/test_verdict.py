"""Verdicts in plain words: what may be said, given the intervals."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN
from qexplorer.core.results import Accuracy, Kernels, Latency, Run, Status
from qexplorer.report.metric_words import stated
from qexplorer.report.verdict import Change, headline, verdict_of
from tests.report.comparisons import BACKEND, float_run, quantized_run

FASTER, SLOWER = (2.0, (1.9, 2.1)), (0.5, (0.45, 0.55))


def agreement(value: float, low: float, high: float) -> Accuracy:
    """Agreement with float on 100 samples."""
    return replace(stated("agreement", value, 100), ci95=(low, high), reason="no labels")


def lossy(recipe: str, delta: float, speed: tuple[float, tuple[float, float]] = FASTER) -> Run:
    """A run that loses ``-delta`` for certain."""
    found = Accuracy("accuracy", 0.9, (0.8, 0.95), 100, delta, (delta - 0.02, delta + 0.02), 0.01, 0, 9, (1,))
    took = Latency(0.1, 0.1, 0.1, (0.1, 0.1), 100, 1, 1, True, *speed)
    return quantized_run(recipe, accuracy=found, latency_ms=took)


def test_an_interval_over_zero_is_no_difference() -> None:
    """A loss whose interval holds zero is not called a loss, and the samples are named."""
    run = quantized_run()
    verdict = verdict_of(run, [float_run(), run])
    assert verdict.answers is Change.NONE
    assert "no difference in accuracy that 100 samples could show, -1.0 points (-5.4 to +2.7)" in verdict.text
    assert "0.25 of the weight bytes" in verdict.text
    assert "2 times faster (1.90 to 2.10)" in verdict.text
    assert "0.50 of the energy (estimated)" in verdict.text


def test_a_loss_has_its_interval() -> None:
    """A loss that the samples show is told with its interval, the smaller end first."""
    run = lossy("w4a8", -0.09)
    assert "loses 9.0 points of accuracy (7.0 to 11.0, 100 samples)" in verdict_of(run, [float_run(), run]).text


def test_slower_says_why() -> None:
    """A slower run names the float kernels that ran, or says that all are integers."""
    run = replace(lossy("w8", 0.0, SLOWER), kernels=Kernels({"QGemm": 1}, {"Conv": 9, "Add": 3, "Relu": 1}))
    text = verdict_of(run, [float_run(), run]).text
    assert "2 times slower (1.82 to 2.22), because 13 of 14 kernels run in float: Conv, Add" in text


def test_an_interval_over_one_is_no_difference_in_speed() -> None:
    """A speed-up whose interval holds 1 is not called faster or slower, and what could have shown it is told."""
    took = replace(quantized_run().latency_ms, speedup=1.01, speedup_ci95=(0.99, 1.03), loads=7)
    run = quantized_run(latency_ms=took)
    verdict = verdict_of(run, [float_run(), run])
    assert verdict.speed is Change.NONE
    assert "no difference in speed that 900 calls on 7 loadings could show, 0.99 to 1.03 times as fast" in verdict.text


def test_noise_widens_the_speed_and_does_not_hide_it() -> None:
    """On a busy machine the interval is told instead of a number; one that says nothing shows no difference."""
    noisy = replace(quantized_run().latency_ms, valid=False, load="another program was busy")
    run = quantized_run(latency_ms=replace(noisy, speedup=1.6, speedup_ci95=(1.3, 2.1)))
    verdict = verdict_of(run, [float_run(), run])
    assert verdict.speed is Change.BETTER
    assert "1.3 to 2.1 times faster, on a busy machine" in verdict.text
    run = quantized_run(latency_ms=replace(noisy, speedup=None, speedup_ci95=(0.4, 2.3)))
    verdict = verdict_of(run, [float_run(), run])
    assert verdict.speed is Change.NONE
    assert "no difference in speed that 900 calls could show, 0.40 to 2.30 times as fast, on a busy m" in verdict.text
    assert "faster" not in verdict.text


def test_agreement_stands_in_for_accuracy() -> None:
    """Without labels the verdict tells how often both models say the same."""
    run = quantized_run(accuracy=agreement(0.97, 0.92, 0.99))
    assert "says what float says on 97.0 % of 100 samples (92.0 to 99.0 %)" in verdict_of(run, [float_run(), run]).text


def test_refused_and_failed_runs_give_their_reason() -> None:
    """A run without numbers says why, and nothing of accuracy or speed."""
    refused = Run("w4a8", "4" * 16, BACKEND, Status.REFUSED, "answers left the tolerance")
    failed = Run("w2a2", "2" * 16, BACKEND, Status.FAILED, "the process died")
    assert verdict_of(refused, [refused]).text == "w4a8: its numbers are not shown: answers left the tolerance."
    assert verdict_of(failed, [failed]).text == "w2a2: failed: the process died."


def test_headline_takes_the_fastest_without_a_loss() -> None:
    """The fastest run that nobody can tell from float makes the headline, however fast a lossy one is."""
    best = quantized_run("w8a8")
    runs = [float_run(), lossy("w4a8", -0.09, (9.0, (8.0, 10.0))), best, quantized_run("w8", latency_ms=None)]
    found = headline(runs)
    assert found is not None
    assert found.label == "w8a8"


def test_headline_is_the_quickest_on_any_backend() -> None:
    """Gaining most on a slow backend is not being quick: the shortest median of those as good as float is told."""
    took = quantized_run().latency_ms
    assert took is not None
    slow = replace(quantized_run("w8a8", latency_ms=replace(took, p50=9.0, speedup=5.0)), backend="torch")
    quick = quantized_run("w8a8", latency_ms=replace(took, p50=1.0, speedup=2.0))
    found = headline([float_run(), slow, quick])
    assert found is not None
    assert found.label == f"w8a8, {BACKEND}"


def test_headline_of_losses_is_the_smallest() -> None:
    """Where every recipe loses, the one that loses least is told."""
    found = headline([float_run(), lossy("w4a8", -0.2), lossy("w6a8", -0.05)])
    assert found is not None
    assert found.label == "w6a8"


def test_answers_without_any_error_are_none() -> None:
    """A ratio to the error has no value where every output is float's own, and that is no lack of a verdict."""
    same = replace(stated("sqnr", 0.0, 100), value=None, reason=FLOATS_OWN)
    found = verdict_of(quantized_run(accuracy=same), [])
    assert found.answers is Change.NONE
    assert "bit for bit" in found.text


def test_little_agreement_is_worse() -> None:
    """Without labels, a run that says something else than float most of the time never makes the headline."""
    far = quantized_run("w2", accuracy=agreement(0.1, 0.05, 0.2), latency_ms=None)
    near = quantized_run("w8", accuracy=agreement(0.99, 0.95, 1.0), latency_ms=None)
    found = headline([float_run(), far, near])
    assert found is not None
    assert found.label == "w8"
    assert headline([float_run(), far, quantized_run("w3", accuracy=replace(far.accuracy, value=0.3))]).label == "w3"


def test_no_usable_run_has_no_headline() -> None:
    """Float alone, or with refused runs only, has no headline."""
    assert headline([float_run(), Run("w4a8", "4" * 16, BACKEND, Status.REFUSED, "why")]) is None
