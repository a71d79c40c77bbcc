"""Learned codebooks: against scikit-learn's k-means, and by what an optimum must satisfy."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from qexplorer.core.formats import FORMATS, Format, Granularity, get_format
from qexplorer.core.formats.codebook import Codebook
from qexplorer.core.formats.learning.lloyd import Sorted, kmeans, lloyd_max, outlier_weights
from qexplorer.core.grid import Grid, fake_quantize
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.error import error_exact, error_per_channel
from qexplorer.observe.weight_grids import weight_grid

LEARNED = [item for item in FORMATS if item.learns]
learned = pytest.mark.parametrize("format", LEARNED, ids=[item.name for item in LEARNED])
VALUES = np.random.default_rng(0).standard_normal(4000)


def _error(x: np.ndarray, levels: np.ndarray) -> float:
    return float((np.abs(x[:, None] - levels).min(1) ** 2).sum())


def test_the_iteration_ends_where_scipy_ends() -> None:
    """From the same 16 levels both reach the same ones, to a millionth."""
    from scipy.cluster.vq import kmeans2

    low, high = VALUES.min(), VALUES.max()
    start = low + (high - low) * (np.arange(16) + 0.5) / 16
    found, _ = kmeans2(VALUES[:, None], start[:, None], iter=600, minit="matrix")
    np.testing.assert_allclose(lloyd_max(Sorted.of(VALUES), 16), np.sort(found[:, 0]), atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_levels_are_the_best_there_are(count: int) -> None:
    """Of 40 values the error is that of the best cut into intervals, found by looking at every cut."""
    x = np.sort(np.random.default_rng(3).standard_t(3, 40))
    spread = np.array([[((x[i:j] - x[i:j].mean()) ** 2).sum() if j > i else 0.0 for j in range(41)] for i in range(41)])
    best = spread[0]
    for _ in range(count - 1):
        best = np.array([min(best[i] + spread[i][j] for i in range(j + 1)) for j in range(41)])
    assert _error(x, kmeans(Sorted.of(x), count)) == pytest.approx(best[40], rel=1e-9)


def test_max_s_table_for_a_normal_distribution() -> None:
    """Four levels at 0.4528 and 1.510, eight from 0.2451 to 2.152 (Max 1960, table I), on exact quantiles."""
    x = np.array([NormalDist().inv_cdf((k + 0.5) / 40_000) for k in range(40_000)])
    np.testing.assert_allclose(lloyd_max(Sorted.of(x), 4)[2:], [0.4528, 1.510], atol=2e-3)
    np.testing.assert_allclose(lloyd_max(Sorted.of(x), 8)[[4, 7]], [0.2451, 2.152], atol=4e-3)


def test_the_best_cut_does_not_get_stuck() -> None:
    """On values with gaps evenly spaced levels do."""
    x = np.concatenate([VALUES[:500] * 0.01 + centre for centre in (-5.0, 0.0, 0.3, 0.6, 40.0)])
    data = Sorted.of(x)
    assert _error(x, kmeans(data, 5)) < 0.2 * _error(x, lloyd_max(data, 5))


def test_rare_large_values_count_more_by_weights() -> None:
    """With them the outermost levels reach further out, and the squared error of the largest values falls."""
    x = np.concatenate([VALUES, [6.0, 9.5, -7.0]])
    weights = outlier_weights(x)
    assert (weights[np.abs(x) < 3 * x.std()] == 1).all()
    plain, weighed = kmeans(Sorted.of(x), 6), kmeans(Sorted.of(x, weights), 6)
    assert _error(x[-3:], weighed) < _error(x[-3:], plain)


@learned
@pytest.mark.parametrize("granularity", list(Granularity), ids=str)
def test_each_level_is_the_mean_of_its_values(format: Format, granularity: Granularity) -> None:
    """Rounding is to the nearest, idempotent and monotone, and no level can move for a smaller error."""
    x = np.random.default_rng(5).standard_t(5, (24, 144)).astype(np.float32)
    spec = WeightSpec.model_validate({"format": format.name, "granularity": granularity, "block": 16})
    grid = weight_grid(x, spec, 0, 1)
    assert (grid.own is not None) == (granularity is Granularity.CHANNEL and format.name != "codebook_shared")
    parts = [(grid, x)] if grid.own is None else [(grid.channel(row), x[row]) for row in range(len(x))]
    for one, values in parts:
        _check_levels(one, values, means=format.name != "codebook_outlier")
    once = fake_quantize(x, grid)
    assert all(np.array_equal(fake_quantize(values, one), once[row]) for row, (one, values) in enumerate(parts[1:], 1))
    np.testing.assert_array_equal(fake_quantize(once, grid), once)
    assert error_exact(x, grid).mse == pytest.approx(((once.astype(np.float64) - x) ** 2).mean(), rel=1e-6)


def _check_levels(grid: Grid, x: np.ndarray, *, means: bool) -> None:
    levels = np.asarray(grid.format.levels(), np.float64)
    assert 2 <= len(levels) <= 2**grid.format.bits
    scale, _ = grid.expanded(x.shape)
    normal = (x / scale).astype(np.float32).astype(np.float64)
    places = grid.format.encode(x, scale, np.zeros((), np.int32), grid.qmin, grid.qmax)
    np.testing.assert_array_equal(np.abs(normal - levels[places]), np.abs(normal[..., None] - levels).min(-1))
    if means:
        np.testing.assert_allclose([normal[places == k].mean() for k in range(len(levels))], levels, atol=2e-4)


def test_levels_of_each_channel_have_less_error_than_shared_ones() -> None:
    """Channels of different shapes: skewed, heavy-tailed, two-sided, and one that is all alike, which is exact."""
    rng = np.random.default_rng(8)
    x = np.stack([rng.exponential(1, 256), rng.standard_t(3, 256), np.sign(VALUES[:256]) + 0.1 * VALUES[:256]])
    x = np.concatenate([x, np.full((1, 256), 0.3), np.zeros((1, 256))]).astype(np.float32)
    own, shared = (weight_grid(x, WeightSpec(format=name), 0) for name in ("codebook", "codebook_shared"))
    each, all_ = (error_per_channel(x, grid) for grid in (own, shared))
    assert all(a.mse <= b.mse for a, b in zip(each, all_, strict=True))
    assert sum(a.mse for a in each) < 0.8 * sum(b.mse for b in all_)
    assert np.array_equal(fake_quantize(x, own)[3:], x[3:])
    turned = own.transposed()
    assert np.array_equal(fake_quantize(np.ascontiguousarray(x.T), turned), fake_quantize(x, own).T)
    assert own.packed_bytes(x.size) == 5 * 128 + 5 * 64
    assert shared.packed_bytes(x.size) == 5 * 128 + 5 * 4 + 64


def test_a_value_that_is_no_number_gets_the_first_level() -> None:
    """As on every grid; infinite ones get the outermost of their channel."""
    x = np.random.default_rng(9).standard_normal((2, 64)).astype(np.float32)
    grid = weight_grid(x, WeightSpec(format="codebook2"), 0)
    asked = np.array([[np.nan, np.inf, -np.inf]] * 2, np.float32)
    np.testing.assert_array_equal(fake_quantize(asked, grid), np.stack([grid.low, grid.high, grid.low], 1))


def test_a_codebook_is_better_than_the_levels_of_any_table() -> None:
    """Per tensor on heavy tails: less error than nf4 and int4 with the least error each; of four levels, than int2."""
    x = np.random.default_rng(6).standard_t(4, (64, 256)).astype(np.float32)

    def error(name: str) -> float:
        spec = WeightSpec.model_validate({"format": name, "granularity": "tensor", "calibrator": "mse"})
        return error_exact(x, weight_grid(x, spec, 0)).mse

    assert error("codebook") < min(error("nf4"), error("int4"), error("apot"))
    assert error("codebook2") < error("int2")


@pytest.mark.parametrize("values", [np.zeros(8), np.full(8, 0.5), np.array([0.5, 1.0] * 4), np.empty(0)])
def test_few_different_values_are_kept_as_they_are(values: np.ndarray) -> None:
    """Values that are all alike, or fewer than levels, or none."""
    book = get_format("codebook")
    assert isinstance(book, Codebook)
    found = book.learn(values.astype(np.float32))
    assert found.bits == 4
    assert found.name == "codebook"
    assert np.isin(values, found.levels()).all()


def test_the_codebook_is_counted() -> None:
    """16 levels of four bytes for each weight, and what is learned is what is stored: levels are not known before."""
    book = get_format("codebook")
    assert book.packed_bytes(1000, 10) == 500 + 40 + 64
    assert get_format("codebook2").packed_bytes(1000, 1) == 250 + 4 + 16
    assert book.levels() is None


@pytest.mark.parametrize(("others", "weight"), [(1, 1.0), (9, 1.0), (16, 16 / 9), (36, 4.0), (81, 9.0)])
def test_how_much_a_value_far_out_counts(others: int, weight: float) -> None:
    """One value beside n zeros is sqrt(n) deviations out: beyond three it counts the square of a third of it."""
    found = outlier_weights(np.r_[np.zeros(others), 5.0] - 5.0 / (others + 1))
    assert found[-1] == pytest.approx(weight)
    assert (found[:-1] == 1).all()


@pytest.mark.parametrize(("name", "enough"), [("codebook", 128), ("codebook3", 86), ("codebook2", 64)])
def test_channels_as_long_as_their_levels_learn_their_own(name: str, enough: int) -> None:
    """Where codes take as many bytes as a float32 for each level; one channel has those of the tensor."""
    rows = np.random.default_rng(1).standard_normal((2, enough)).astype(np.float32)
    book = get_format(name)
    found = book.learn_rows(rows)
    assert found is not None
    assert len(found) == 2
    assert book.learn_rows(rows[:, 1:]) is None
    assert book.learn_rows(rows[:1]) is None


@pytest.mark.parametrize("n", [2, 511, 512, 513, 5000])
def test_groups_hold_every_value_once_and_few_values_are_alone(n: int) -> None:
    """Up to 512 values each is a group, so that the cut is the best there is; more are cut into at most 512 groups."""
    cuts = Sorted.of(np.random.default_rng(n).standard_t(3, n)).groups()
    assert (cuts[0], cuts[-1]) == (0, n)
    assert (np.diff(cuts) > 0).all()
    assert (len(cuts) - 1 == n) == (n <= 512)
    assert len(cuts) - 1 <= 512
