"""Verdicts clause by clause: what is said where something is missing, and at the edges of what may be said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.core.results import Accuracy, Energy, Kernels, Latency, Size, Status
from qexplorer.core.speed import Change
from qexplorer.measure.metrics.statistics import paired_difference_interval
from qexplorer.report.metric_words import stated
from qexplorer.report.statements.claims import change_of, hidden_loss, looked_at
from qexplorer.report.verdict import headline, verdict_of
from tests.report.comparisons import float_run, quantized_run
from tests.report.judged_runs import SLOWER, agreement, judged, lossy, sure


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": Size(160_000, 150_000)}, "0.25 of the weight bytes"),
        ({"size": Size(160_000, 1_500_000)}, "2.50 times the weight bytes"),
        ({"size": Size(160_000, 602_000)}, "weights of the same size"),
        ({"size": Size(160_000, 604_000)}, "1.01 times the weight bytes"),
        ({"size": Size(160_000, 75_000, 150_000)}, "0.12 of the weight bytes packed, 0.25 of them as the file stores"),
        ({"latency_ms": Latency(None, None, None, None, 0, 1, 1, False, reason="it died")}, "no latency (it died)"),
        ({"accuracy": None}, "its answers were not judged"),
        ({"accuracy": Accuracy("accuracy", None, reason="untrained")}, "no accuracy (untrained)"),
        ({"accuracy": Accuracy("accuracy", None)}, "no accuracy, 0.25"),
        ({"accuracy": Accuracy("accuracy", 0.9, None, 100)}, "90.0 % of 100 samples right, 0.25"),
    ],
)
def test_a_clause_for_what_there_is(changes: dict[str, Any], words: str) -> None:
    """Sizes half a per cent apart are the same; what could not be had has its reason."""
    run = quantized_run(**changes)
    assert words in verdict_of(run, [float_run(), run]).text


def test_without_float_beside_it_there_are_no_shares() -> None:
    """Sizes and energies are told against float on the same backend."""
    run = quantized_run()
    for others in ([], [float_run("openvino")], [float_run(size=None, energy_mj=None)]):
        text = verdict_of(run, [*others, run]).text
        assert "weight bytes" not in text
        assert "energy" not in text
    assert "energy" not in verdict_of(quantized_run(energy_mj=None), [float_run()]).text


def test_a_slower_run_without_float_kernels_points_to_where_times_are() -> None:
    """Every kernel an integer one is no reason; not knowing the kernels is none either."""
    run = replace(lossy("w8", 0.0, SLOWER), kernels=Kernels({"QGemm": 1}, {}))
    assert "although every kernel runs in integers: 'Why not faster'" in verdict_of(run, [run]).text
    assert "kernel" not in verdict_of(replace(run, kernels=None), [run]).text
    assert "kernel" not in verdict_of(lossy("w8", 0.0), [run]).text


def test_up_to_three_that_are_as_good_are_named() -> None:
    """More are counted."""
    for count, words in ((3, "that of b, c, d."), (4, "that of 4 others as good.")):
        runs = [sure(name, 2.0, (1.8, 2.3)) for name in "abcde"[: count + 1]]
        found = headline([float_run(), *runs])
        assert found is not None
        assert found.text.endswith(f"; its speed cannot be told from {words}")


def test_a_run_that_was_timed_goes_before_one_that_was_not() -> None:
    """And one without a latency is not among those that are as fast."""
    untimed = quantized_run("w8", accuracy=judged(0, 0, 2000), latency_ms=None)
    for runs in ([untimed, sure("w8a8", 1.1, (0.9, 1.3))], [sure("w8a8", 1.1, (0.9, 1.3)), untimed]):
        found = headline([float_run(), *runs])
        assert found is not None
        assert (found.label, found.alike) == ("w8a8", ())
    both = headline([float_run(), untimed, replace(untimed, recipe="w4", digest="4")])
    assert both is not None
    assert (both.label, both.alike) == ("w8", ())


def test_of_losses_without_a_difference_the_likeness_counts() -> None:
    """Lower is nearer where less is better; a run without a value is the farthest."""
    far = [replace(stated("rmse", value, 100), enough=0.1, ci95=(value, value)) for value in (0.5, 0.2)]
    runs = [quantized_run(f"w{i}", accuracy=found) for i, found in enumerate(far)]
    assert [verdict_of(run, runs).answers for run in runs] == [Change.WORSE, Change.WORSE]
    found = headline([float_run(), *runs])
    assert found is not None
    assert found.label == "w1"


@pytest.mark.parametrize(("value", "ends", "change"), [
    (1.0, None, Change.NONE), (0.94, None, Change.WORSE), (0.96, None, Change.UNKNOWN),
    (0.9, (0.8, 0.96), Change.UNKNOWN), (0.9, (0.8, 0.94), Change.WORSE), (0.9, (0.8, 0.95), Change.UNKNOWN),
])  # fmt: skip
def test_agreement_without_an_interval_is_judged_by_its_value(
    value: float, ends: tuple[float, float] | None, change: Change
) -> None:
    """The best there can be is no difference; below 95 % for sure is worse."""
    run = quantized_run(accuracy=replace(stated("agreement", value, 100), ci95=ends))
    assert verdict_of(run, [run]).answers is change


def test_no_difference_in_energy_holds_one() -> None:
    """The interval's ends count: none that leaves 1 out is called no difference."""
    for ends, words in (
        ((0.9, 1.0), "could be seen (0.90 to 1.00 of float's, estimated)"),
        ((1.0, 1.2), "could be seen"),
        ((0.9, 0.99), "0.95 of the energy (0.90 to 0.99, estimated)"),
        ((1.01, 1.2), "0.95 of the energy"),
    ):
        run = quantized_run(energy_mj=Energy(0.3, None, "estimated", ratio=0.95, ratio_ci95=ends))
        assert words in verdict_of(run, [float_run(), run]).text


def test_what_could_hide_has_an_end() -> None:
    """Nothing where the difference has no interval, or the metric compares with float itself; 0 where all is gain."""
    found = Accuracy("accuracy", 0.98, (0.9, 1.0), 100, -0.01)
    assert verdict_of(quantized_run(accuracy=found), []).hidden is None
    assert verdict_of(quantized_run(accuracy=agreement(0.97, 0.92, 0.99)), []).hidden is None
    better = replace(found, delta=0.02, delta_ci95=(0.01, 0.03))
    assert hidden_loss(better, 1) == 0
    assert hidden_loss(replace(better, delta_ci95=(-0.01, 0.03)), 1) == pytest.approx(0.01)
    counted = judged(1, 4, 500)
    assert hidden_loss(counted, 3) == pytest.approx(-paired_difference_interval(1, 4, 500, z=2.39398)[0], abs=1e-5)
    uncounted = replace(counted, fixed=9)
    low = counted.delta_ci95 or (0.0, 0.0)
    assert counted.delta is not None
    assert hidden_loss(uncounted, 3) == pytest.approx(
        -counted.delta + (counted.delta - low[0]) * 2.39398 / 1.95996, rel=1e-4
    )


def test_clauses_that_there_are_not_leave_no_gap() -> None:
    """Without size, speed and energy the answers stand alone."""
    run = quantized_run(size=None, latency_ms=None, energy_mj=None, accuracy=Accuracy("accuracy", 0.9, None, 100))
    assert verdict_of(run, [float_run(), run]).text == "w8a8: 90.0 % of 100 samples right."
    sized = replace(run, size=Size(160_000, 150_000))
    assert verdict_of(sized, [float_run(), sized]).text.endswith("samples right, 0.25 of the weight bytes.")


def test_a_difference_without_either_half_is_none() -> None:
    """By a value alone, or an interval alone, nothing can be said beside float."""
    whole = Accuracy("accuracy", 0.9, None, 100, -0.05, (-0.08, -0.02))
    for part in (replace(whole, delta=None), replace(whole, delta_ci95=None)):
        found = verdict_of(quantized_run(accuracy=part), [float_run()])
        assert (found.answers, found.hidden) == (Change.UNKNOWN, None)
        assert "90.0 % of 100 samples right" in found.text


def test_less_is_better_where_the_metric_says_so() -> None:
    """An error that itself compares with float is worse only if all of its interval is above what is enough."""
    error = replace(stated("rmse", 0.2, 100), enough=0.1)
    for ends, change in (((0.1, 0.3), Change.UNKNOWN), ((0.11, 0.3), Change.WORSE), ((0.05, 0.3), Change.UNKNOWN)):
        run = quantized_run(accuracy=replace(error, ci95=ends))
        assert verdict_of(run, [run]).answers is change, ends


@pytest.mark.parametrize(
    ("metric", "value", "hidden", "change"),
    [
        ("accuracy", 0.5, 0.0099, Change.NONE),
        ("accuracy", 0.5, 0.0101, Change.UNSURE),
        ("rmse", 0.5, 0.0049, Change.NONE),
        ("rmse", 0.5, 0.0051, Change.UNSURE),
        ("rmse", 2.0, 0.0199, Change.NONE),
    ],
)
def test_a_loss_that_matters_is_a_point_or_a_hundredth_of_floats_value(
    metric: str, value: float, hidden: float, change: Change
) -> None:
    """A point of a share whatever the share is; of anything else a hundredth of what float has."""
    up = metric == "accuracy"
    ends = (-hidden, 0.001) if up else (-0.001, hidden)
    found = replace(stated(metric, value, 100), delta=0.0, delta_ci95=ends)
    assert change_of(found, 1) is change


def test_what_is_looked_at_is_counted_once_a_recipe() -> None:
    """On two backends it is one; float, and what has no numbers, are none; without any it is still one."""
    failed = quantized_run("w2", status=Status.FAILED)
    runs = [float_run(), quantized_run("w8"), quantized_run("w8", "openvino"), quantized_run("w4"), failed]
    assert looked_at(runs) == 2
    assert looked_at([float_run(), failed]) == 1


def test_a_run_is_passed_over_only_for_one_that_was_timed() -> None:
    """Whatever else is known of its latency: without a median there is no time, and with none nothing is faster."""
    none = Latency(None, None, None, (0.01, 0.02), 0, 1, 1, True, 9.0, (8.0, 9.9), reason="it died")
    untimed = quantized_run("w8", accuracy=judged(0, 0, 2000), latency_ms=none)
    for backend in ("onnxruntime", "openvino"):
        timed = sure("w8a8", 1.1, (1.05, 1.15), backend=backend)
        for runs in ([untimed, timed], [timed, untimed]):
            found = headline([float_run(), float_run("openvino"), *runs])
            assert found is not None
            assert found.label.startswith("w8a8")


@pytest.mark.parametrize(
    ("other", "valid", "first"),
    [((0.05, 0.08), True, "b"), ((0.05, 0.09), True, "a"), ((0.05, 0.08), False, "a"), ((0.01, 0.02), False, "b")],
)
def test_on_two_backends_latencies_must_part(other: tuple[float, float], valid: bool, first: str) -> None:
    """The ends of their intervals count; on a busy machine they must part by far; without one none is faster."""
    runs = [sure("a", 2.0, (1.9, 2.1)), sure("b", 2.0, (1.9, 2.1), backend="openvino")]
    took = [replace(run.latency_ms, ci95=ends) for run, ends in zip(runs, ((0.09, 0.11), other), strict=True)]  # type: ignore[type-var]
    timed = [replace(runs[0], latency_ms=took[0]), replace(runs[1], latency_ms=replace(took[1], valid=valid))]
    found = headline([float_run(), float_run("openvino"), *timed])
    assert found is not None
    assert found.label[0] == first
    open_ended = replace(timed[1], latency_ms=replace(took[1], ci95=None))
    found = headline([float_run(), float_run("openvino"), timed[0], open_ended])
    assert found is not None
    assert found.label[0] == "a"
