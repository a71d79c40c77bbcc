"""Verdicts in plain words: what may be said, given the intervals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN
from qexplorer.core.results import Kernels, Run, Status
from qexplorer.core.speed import Change
from qexplorer.report.metric_words import stated
from qexplorer.report.statements.claims import change_of, hidden_loss, looked_at
from qexplorer.report.verdict import headline, verdict_of
from tests.report.comparisons import BACKEND, float_run, quantized_run
from tests.report.judged_runs import SLOWER, agreement, judged, lossy, sure


def test_an_interval_over_zero_is_no_difference() -> None:
    """A loss whose interval holds zero is not called a loss; the samples are named, and how much could hide in them."""
    run = quantized_run()
    verdict = verdict_of(run, [float_run(), run])
    assert verdict.answers is Change.UNSURE
    told = "no difference in accuracy that 100 samples could show, -1.0 points (a loss of up to 5.4 points could hide)"
    assert told in verdict.text
    assert verdict.hidden == "5.4 points"
    assert "0.25 of the weight bytes" in verdict.text
    assert "2.00 times faster (1.90 to 2.10)" in verdict.text
    assert "0.50 of the energy (estimated)" in verdict.text


def test_a_loss_has_its_interval() -> None:
    """A loss that the samples show is told with its interval, the smaller end first."""
    run = lossy("w4a8", -0.09)
    assert "loses 9.0 points of accuracy (7.0 to 11.0, 100 samples)" in verdict_of(run, [float_run(), run]).text


def test_slower_says_why() -> None:
    """A slower run names the float kernels that ran, or says that all are integers."""
    run = replace(lossy("w8", 0.0, SLOWER), kernels=Kernels({"QGemm": 1}, {"Conv": 9, "Add": 3, "Relu": 1}))
    text = verdict_of(run, [float_run(), run]).text
    assert "2.00 times slower (1.82 to 2.22), because 13 of 14 kernels run in float: Conv, Add" in text


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
    slow = replace(
        quantized_run("w8a8", latency_ms=replace(took, p50=9.0, ci95=(8.9, 9.1), speedup=5.0)), backend="torch"
    )
    quick = quantized_run("w8a8", latency_ms=replace(took, p50=1.0, ci95=(0.9, 1.1), speedup=2.0))
    found = headline([float_run(), slow, quick])
    assert found is not None
    assert found.label == "w8a8, ONNX Runtime"


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


@pytest.mark.parametrize(
    ("counts", "change", "words"),
    [
        (
            (0, 0, 2000),
            Change.NONE,
            "no difference in accuracy that 2000 samples could show, +0.0 points (no loss",
        ),
        ((0, 0, 40), Change.UNSURE, "could show, +0.0 points (a loss of up to 8.8 points could hide)"),
        ((0, 5, 2000), Change.NONE, "could show, -0.2 points (no loss above 0.6 points could hide)"),
        ((0, 6, 2000), Change.WORSE, "loses 0.3 points of accuracy (0.1 to 0.7, 2000 samples)"),
        ((9, 0, 2000), Change.BETTER, "gains 0.4 points of accuracy"),
        ((10, 40, 2000), Change.WORSE, "loses 1.5 points"),
    ],
)
def test_one_test_decides_the_words(counts: tuple[int, int, int], change: Change, words: str) -> None:
    """A loss is told where McNemar's exact p is below 5 %; else how large a loss could hide in so many samples."""
    run = quantized_run(accuracy=judged(*counts))
    verdict = verdict_of(run, [float_run(), run])
    assert verdict.answers is change
    assert words in verdict.text
    assert (verdict.hidden is None) == (change in (Change.WORSE, Change.BETTER))


def test_of_many_recipes_more_could_hide() -> None:
    """What could hide is told of all that were looked at together: the more there are, the more could hide."""
    runs = [float_run(), *(quantized_run(f"w{i}a8", accuracy=judged(0, 0, 597)) for i in range(2, 9))]
    alone, among = verdict_of(runs[1], runs[:2]), verdict_of(runs[1], runs)
    assert (alone.answers, alone.hidden) == (Change.NONE, "0.7 points")
    assert (among.answers, among.hidden) == (Change.UNSURE, "1.2 points")
    assert "(a loss of up to 1.2 points could hide, 7 recipes looked at)" in among.text


def test_only_recipes_with_numbers_were_looked_at() -> None:
    """Float, a second backend of the same recipe and what failed or was refused are no further chances to be lucky."""
    run = quantized_run("w8a8", accuracy=judged(0, 0, 597))
    other = replace(run, backend="torch")
    gone = [Run(f"w{i}", f"{i}" * 16, BACKEND, status, "why") for i, status in enumerate(Status, 2) if status != "ok"]
    assert len(gone) == 2
    assert looked_at([float_run(), run, other, *gone]) == 1
    assert looked_at([float_run()]) == 1
    assert verdict_of(run, [float_run(), run, other, *gone]).hidden == "0.7 points"


def test_a_metric_without_counts_widens_by_its_interval() -> None:
    """Where nothing is counted the interval's end is what could hide, and it grows with the recipes looked at."""
    found = replace(stated("rmse", 0.5, 100), delta=0.001, delta_ci95=(-0.002, 0.004))
    assert hidden_loss(found, 1) == pytest.approx(0.004)
    assert hidden_loss(found, 5) == pytest.approx(0.001 + 0.003 * 2.5758 / 1.96, rel=1e-3)
    assert change_of(found, 1) is Change.NONE
    assert change_of(replace(found, delta_ci95=(-0.002, 0.0051)), 1) is Change.UNSURE
    assert change_of(replace(found, delta_ci95=(0.0005, 0.0051)), 1) is Change.WORSE


def test_agreement_is_too_little_from_its_threshold_on() -> None:
    """Without labels a run is worse where its agreement is surely below 95 %, and not before."""
    below = quantized_run(accuracy=agreement(0.9, 0.85, 0.949))
    at = quantized_run(accuracy=agreement(0.9, 0.85, 0.951))
    assert verdict_of(below, [float_run(), below]).answers is Change.WORSE
    assert verdict_of(at, [float_run(), at]).answers is Change.UNKNOWN


def test_the_headline_does_not_flip_between_runs_that_cannot_be_told_apart() -> None:
    """Whichever median happens to be shorter, the first in the order of recipes is taken and the others are named;
    one that is surely faster is taken wherever it stands."""
    for one, other in ((2.0, 2.1), (2.1, 2.0)):
        runs = [float_run(), sure("w8a8", one, (1.8, 2.3)), sure("w4a8", other, (1.8, 2.3))]
        found = headline(runs)
        assert found is not None
        assert (found.label, found.alike) == ("w8a8", ("w4a8",))
        assert found.text.endswith("; its speed cannot be told from that of w4a8.")
    found = headline([float_run(), sure("w8a8", 2.0, (1.8, 2.3)), sure("w4a8", 3.0, (2.5, 3.5))])
    assert found is not None
    assert (found.label, found.alike) == ("w4a8", ())


def test_the_headline_takes_what_is_known_to_be_as_good_first() -> None:
    """A faster run in whose answers a loss that matters could hide does not stand before one that was verified."""
    unsure = replace(sure("w4a8", 3.0, (2.9, 3.1)), accuracy=judged(0, 1, 40))
    found = headline([float_run(), unsure, sure("w8a8", 2.0, (1.9, 2.1))])
    assert found is not None
    assert found.label == "w8a8"


def test_on_a_busy_machine_backends_are_told_apart_by_far_only() -> None:
    """Backends are timed one after the other, so on a busy machine latencies that just part are no winner."""
    quick = sure("w8a8", 2.0, (1.9, 2.1))
    took = quick.latency_ms
    assert took is not None
    noisy = replace(took, p50=0.2, ci95=(0.19, 0.21), valid=False)
    first, second = "w8a8, PyTorch integer", "w8a8, ONNX Runtime"
    for near, calm, expected in ((0.18, False, first), (0.18, True, first), (0.1, False, second)):
        fast = replace(quick, latency_ms=replace(noisy, p50=near, ci95=(near * 0.99, near * 1.01), valid=calm))
        found = headline([float_run(), replace(quick, backend="torch", latency_ms=noisy), fast])
        assert found is not None
        assert found.label == expected


def test_energy_is_told_by_the_same_rounds() -> None:
    """The paired ratio with its interval; one that says nothing shows no difference; without one, none from noise."""
    run = quantized_run()
    assert run.energy_mj is not None
    for energy, words in (
        (
            replace(run.energy_mj, ratio=0.5, ratio_ci95=(0.45, 0.55), valid=False),
            "0.50 of the energy (0.45 to 0.55, ",
        ),
        (replace(run.energy_mj, ratio=None, ratio_ci95=(0.5, 1.6)), "no difference in energy that could be seen"),
    ):
        assert words in verdict_of(replace(run, energy_mj=energy), [float_run(), run]).text
    unsaid = replace(run, energy_mj=replace(run.energy_mj, valid=False))
    assert "energy" not in verdict_of(unsaid, [float_run(), unsaid]).text
    base = float_run()
    assert base.energy_mj is not None
    disturbed = replace(base, energy_mj=replace(base.energy_mj, valid=False))
    assert "energy" not in verdict_of(run, [disturbed, run]).text, "float's rounds were disturbed"


def test_measured_energy_is_no_share_of_an_estimate() -> None:
    """Two numbers of different sources are not divided; two of one source are, and which it is stands there."""
    run = quantized_run()
    assert run.energy_mj is not None
    metered = replace(run, energy_mj=replace(run.energy_mj, source="measured by RAPL"))
    assert "energy" not in verdict_of(metered, [float_run(), metered]).text
    base = float_run()
    assert base.energy_mj is not None
    both = replace(base, energy_mj=replace(base.energy_mj, source="measured by RAPL"))
    assert "0.50 of the energy (measured)" in verdict_of(metered, [both, metered]).text
