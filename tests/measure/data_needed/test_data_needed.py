"""Which calibrator and how much data: what is measured of a small model, and the rule for enough."""

from __future__ import annotations

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.api import calibration_needed
from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import get_format
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.measure.data_needed.needed_types import Band, DataNeeded, NeededPoint, enough_samples
from qexplorer.observe.collecting.targets import observed_tensors

SIZES = (4, 64, 100_000)


@pytest.fixture(scope="module")
def measured(session_workspace: object) -> tuple[DataNeeded, list[float], list[DataNeeded]]:
    """tumour_mlp on two calibrators, three numbers of samples and two draws, and what was told meanwhile."""
    del session_workspace
    told: list[float] = []
    parts: list[DataNeeded] = []
    tensor = observed_tensors(qx.load("tumour_mlp"))[0]
    more = {"sizes": SIZES, "draws": 2, "judged": 64, "progress": lambda _, share: told.append(share)}
    more["partly"] = parts.append
    return calibration_needed("tumour_mlp", "w8a8", tensor, calibrators=["minmax", "octav"], **more), told, parts


def test_every_calibrator_is_measured_at_every_number(
    measured: tuple[DataNeeded, list[float], list[DataNeeded]],
) -> None:
    """From few to all samples, no more than there are; progress ends at all of it."""
    found, told, _ = measured
    held = qx.data("tumour").calibration.n
    assert [point.samples for point in found.of("octav")] == [4, 64, held]
    assert {point.calibrator for point in found.points} == {"minmax", "octav"}
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert len(told) == 2 * 2 * 3
    assert DataNeeded.from_json(found.to_json()) == found


def test_the_first_draw_is_told_before_the_second(measured: tuple[DataNeeded, list[float], list[DataNeeded]]) -> None:
    """It has every point, of one draw, and the band of both holds it."""
    found, _, parts = measured
    (first,) = parts
    assert first.draws == 1
    assert [(p.calibrator, p.samples) for p in first.points] == [(p.calibrator, p.samples) for p in found.points]
    for one, both in zip(first.points, found.points, strict=True):
        assert one.error.low == one.error.high == one.error.mean
        assert both.error.low <= one.error.mean <= both.error.high


def test_draws_agree_where_all_samples_are_taken(measured: tuple[DataNeeded, list[float], list[DataNeeded]]) -> None:
    """A band narrows to nothing there, and a range of min-max only grows with more samples."""
    found, *_ = measured
    for name in ("minmax", "octav"):
        last = found.of(name)[-1]
        assert last.error.low == last.error.high
        assert last.low.low == last.low.high
    ends = [point.high.mean for point in found.of("minmax")]
    assert ends == sorted(ends)
    few = found.of("minmax")[0]
    assert few.high.low < few.high.high


def test_the_error_is_that_of_samples_that_judge(measured: tuple[DataNeeded, list[float], list[DataNeeded]]) -> None:
    """Of the input, whose values are known: the range of all samples, rounded, to the histogram's accuracy."""
    found, *_ = measured
    x = next(iter(qx.data("tumour").evaluation.head(64).inputs.values())).astype(np.float32)
    last = found.of("minmax")[-1]
    grid = grid_from_range(last.low.mean, last.high.mean, get_format("uint8"), symmetric=False)
    exact = float(((fake_quantize(x, grid).astype(np.float64) - x) ** 2).mean())
    assert last.error.mean == pytest.approx(exact, rel=0.02)
    assert found.judged == 64


def test_the_metric_is_the_task_s_and_near_that_of_float(
    measured: tuple[DataNeeded, list[float], list[DataNeeded]],
) -> None:
    """Accuracy of eight bits calibrated with all samples is within a few samples of float's."""
    found, *_ = measured
    last = found.of("octav")[-1].metric
    assert found.metric == "accuracy"
    assert last is not None
    assert found.float_metric is not None
    assert last.mean == pytest.approx(found.float_metric, abs=4 / 64)


def _points(*errors: tuple[float, float]) -> list[NeededPoint]:
    flat = Band.of([0.0])
    return [NeededPoint("mse", 4 * 2**k, flat, flat, Band.of(each), None) for k, each in enumerate(errors)]


@pytest.mark.parametrize(
    ("errors", "enough"),
    [
        ([(9.0, 7.0), (1.0, 1.02), (1.0, 1.0), (1.0, 1.0)], 8),
        ([(9.0, 7.0), (3.0, 4.0), (2.0, 2.1), (1.0, 1.0)], None),
        ([(1.0, 1.0), (5.0, 5.0), (1.0, 1.0), (1.0, 1.0)], 16),
        ([(1.2, 1.3), (1.2, 1.1), (0.9, 1.4)], 4),
        ([(1.0, 1.0)], None),
        ([(1.06, 1.06), (1.04, 1.04), (1.0, 1.0)], 8),
    ],
)
def test_enough_is_where_more_samples_no_longer_help(errors: list[tuple[float, float]], enough: int | None) -> None:
    """From there on all means stay within the band of the most samples, or within 5 % of its mean."""
    assert enough_samples(_points(*errors)) == enough


def test_what_is_not_calibrated_is_refused() -> None:
    """Weights alone and dynamic ranges have nothing to calibrate; a tensor that is none is named."""
    for recipe in ("w8", "w8a8-dynamic"):
        with pytest.raises(RecipeError, match="nothing is calibrated"):
            calibration_needed("tumour_mlp", recipe, "x")
    with pytest.raises(RecipeError, match="'nowhere' is no activation"):
        calibration_needed("tumour_mlp", "w8a8", "nowhere", judged=8)
