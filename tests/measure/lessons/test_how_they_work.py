"""What pages show of AdaRound, GPTQ, straight-through training and LSQ, held to brute force and to the algorithms."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from qexplorer.measure.lessons.choices import cells_of, other_way, row_errors_of, telling_cell
from qexplorer.measure.lessons.lesson import WIDTHS, Lesson, grid_of
from qexplorer.measure.lessons.pushing import DAMPING, pushing_of
from qexplorer.measure.lessons.scale_walk import RATE, error_at, slope_at, slopes_of, walk_of
from qexplorer.measure.lessons.stairs import liveliest, staircase_of, trained
from qexplorer.quantize.algorithms.gptq import GptqOptions, rounded
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.torchgraph.fake_quantize import fake_quantize
from tests.measure.lessons import given_lessons

widths = pytest.mark.parametrize("bits", WIDTHS)


@cache
def _lesson() -> Lesson:
    return given_lessons.lesson()


def _squared(lesson: Lesson, row: int, weights: np.ndarray) -> float:
    off = weights - lesson.values[row]
    return float(off @ lesson.moments[0] @ off)


@widths
def test_the_cost_of_the_other_way_is_that_of_doing_it(bits: int) -> None:
    """Both terms together are the change of the row's squared error when the one weight is really changed."""
    lesson = _lesson()
    grid = lesson.steps[bits]
    nearest, learned = (grid.decoded(codes) for codes in (grid.nearest, grid.learned))
    seen = 0
    for row in range(len(lesson.values)):
        unit = _squared(lesson, row, nearest[row])
        for column in range(lesson.values.shape[1]):
            found = other_way(lesson, bits, row, column)
            if found is None:
                continue
            seen += 1
            assert found.alone >= -1e-9, "by itself nearest is best"
            scale = float(grid.scale[row, column])
            for others, total in zip((nearest[row], learned[row]), found.totals, strict=True):
                pair = []
                for level in (found.cell.nearest, found.other):
                    tried = others.copy()
                    tried[column] = level * scale
                    pair.append(_squared(lesson, row, tried))
                assert total == pytest.approx((pair[1] - pair[0]) / unit, abs=1e-6)
    assert seen > lesson.values.size / 2


@widths
def test_cells_are_the_codes_of_the_lesson(bits: int) -> None:
    """A window tells each weight's nearest and learned level; up and down are sides of the weight."""
    lesson = _lesson()
    cells = cells_of(lesson, bits, range(1, 3), range(4, 9))
    grid = lesson.steps[bits]
    assert [(cell.row, cell.column) for cell in cells] == [(r, c) for r in (1, 2) for c in range(4, 9)]
    for cell in cells:
        assert cell.learned == grid.learned[cell.row, cell.column] - grid.zero[cell.row, cell.column]
        assert cell.moved == (grid.learned[cell.row, cell.column] != grid.nearest[cell.row, cell.column])
        assert cell.up == (cell.learned * grid.scale[cell.row, cell.column] > cell.value)


def test_the_cell_that_is_shown_first_would_be_missed() -> None:
    """It is a moved one, and putting it back alone makes the row's error larger."""
    lesson = _lesson()
    row, column = telling_cell(lesson, 3, range(5), range(18))
    found = other_way(lesson, 3, row, column)
    assert found is not None
    assert found.cell.moved
    assert found.alone > 0
    assert max(found.totals) < 0, "whether or not the others move"


def test_no_row_is_worse_by_learning() -> None:
    """Errors of rows are relative root mean squares at the output, and AdaRound has the smaller ones."""
    lesson = _lesson()
    rows = row_errors_of(lesson, 3)
    assert all(row.learned <= row.nearest + 1e-12 for row in rows)
    grid = lesson.steps[3]
    wanted = _squared(lesson, 2, grid.decoded(grid.nearest)[2]) / _squared(lesson, 2, np.zeros(18))
    assert rows[2].nearest == pytest.approx(np.sqrt(wanted))


@widths
def test_pushing_ends_at_the_codes_of_gptq(bits: int) -> None:
    """The last step of every row is what the algorithm itself gives for the layer."""
    lesson = _lesson()
    grid = grid_of(lesson.steps[bits], bits)
    codes = rounded(lesson.values, grid, LayerMatrix("Gemm", lesson.values.shape), lesson.moments, GptqOptions())
    for row in range(len(lesson.values)):
        found = pushing_of(lesson, bits, row)
        assert np.array_equal(found.codes, codes[row][found.order])
        end = (found.codes - lesson.steps[bits].zero[row][found.order]) - lesson.values[row][found.order].astype(
            float
        ) / lesson.steps[bits].scale[row][found.order]
        np.testing.assert_allclose(found.changes[-1], end, atol=1e-9)


def test_weights_still_to_come_make_up_as_well_as_they_can() -> None:
    """After each column the floats that are left are the best ones for what is rounded, in the damped moments."""
    lesson = _lesson()
    found = pushing_of(lesson, 3, 1)
    h = lesson.moments[0][np.ix_(found.order, found.order)]
    h = h + np.eye(18) * DAMPING * np.diag(h).mean()
    scale = lesson.steps[3].scale[1][found.order].astype(float)
    for i in (1, 5, 12):
        off = found.changes[i] * scale
        best = -np.linalg.solve(h[i:, i:], h[i:, :i] @ off[:i])
        np.testing.assert_allclose(off[i:], best, rtol=1e-6, atol=1e-9)


def test_errors_on_the_way_are_those_at_the_output() -> None:
    """They begin at 0, end at the errors of the two roundings, and pushing ends lower."""
    lesson = _lesson()
    for row in range(5):
        found, grid = pushing_of(lesson, 3, row), lesson.steps[3]
        assert found.pushed[0] == found.nearest[0] == 0
        wanted = np.sqrt(lesson.error(row, grid.decoded(grid.nearest)[row]))
        assert found.nearest[-1] == pytest.approx(wanted)
    ends = [(f.pushed[-1], f.nearest[-1]) for f in (pushing_of(lesson, 3, row) for row in range(5))]
    assert sum(a for a, _ in ends) < sum(b for _, b in ends)


@widths
def test_a_training_step_is_that_of_torch(bits: int) -> None:
    """Gradients are torch's own through the fake quantization that training uses, and the weights follow them."""
    lesson = _lesson()
    grid, row = lesson.steps[bits], 3
    found = trained(lesson, bits, row, 4, 0.7)
    h = torch.from_numpy(lesson.moments[0] / lesson.power(row))
    wanted = torch.from_numpy(lesson.values[row].astype(np.float64))
    scale, zero = (torch.from_numpy(a[row].astype(np.float64)) for a in (grid.scale, grid.zero))
    now = wanted.clone()
    for step in range(4):
        leaf = now.clone().requires_grad_()
        off = fake_quantize(leaf, scale, zero, *grid.ends) - wanted
        loss = off @ h @ off
        loss.backward()
        assert float(loss) == pytest.approx(found.losses[step])
        assert leaf.grad is not None
        np.testing.assert_allclose(found.gradients[step], leaf.grad.numpy(), rtol=1e-7, atol=1e-12)
        now = now - found.rate * leaf.grad
        np.testing.assert_allclose(found.weights[step + 1], (now / scale).numpy(), rtol=1e-9)


def test_training_moves_codes() -> None:
    """Through the true derivative nothing would move; straight through, levels change and the loss falls."""
    lesson = _lesson()
    found = trained(lesson, 3, 2, 60, 1.0)
    column = liveliest(found)
    assert (found.levels[:, column] != found.levels[0, column]).any()
    assert found.losses.min() < found.losses[0]
    assert trained(lesson, 3, 2, 0, 1.0).gradients.shape == (0, 18)


@widths
def test_the_staircase_is_the_grid(bits: int) -> None:
    """It has a level for each code, a jump half way between neighbours, and passes gradients on its range alone."""
    lesson = _lesson()
    stairs = staircase_of(lesson, bits, 0, 0)
    assert len(stairs.levels) == 2**bits - 1
    assert stairs.jumps == tuple((a + b) / 2 for a, b in zip(stairs.levels, stairs.levels[1:], strict=False))
    edge = stairs.levels[-1]
    assert stairs.rounded(edge + 5.0) == edge
    assert (stairs.passes(edge), stairs.passes(edge + 0.01)) == (True, False)
    assert (stairs.rounded(0.5), stairs.rounded(-0.5)) == (0, 0), "half to even"


@pytest.mark.parametrize("scale", [0.1, 0.33, 0.7])
def test_the_slope_of_a_scale_is_that_of_torch(scale: float) -> None:
    """Equation 3 value by value, and the gradient of the error by the scale's logarithm, inside and beyond together."""
    values, levels = np.random.default_rng(0).normal(size=400), (-3, 3)
    at = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
    x = torch.from_numpy(values)
    found = fake_quantize(x, at, torch.zeros((), dtype=torch.float64), *levels)
    loss = torch.mean((found - x) ** 2) / torch.mean(x**2)
    loss.backward()
    assert at.grad is not None
    inside, beyond = slope_at(values, scale, levels)
    assert inside + beyond == pytest.approx(float(at.grad) * scale)
    assert (inside >= 0, beyond <= 0) == (True, True)
    assert float(loss) == pytest.approx(error_at(values, scale, levels))
    for value, slope in zip(values[:40], slopes_of(values[:40], scale, levels), strict=True):
        leaf = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
        fake_quantize(torch.tensor(value), leaf, torch.zeros((), dtype=torch.float64), *levels).backward()
        assert leaf.grad is not None
        assert slope == pytest.approx(float(leaf.grad))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_path_goes_from_the_widest_grid_to_near_the_best(bits: int) -> None:
    """It starts at the largest weight, no step is much longer than the rate, and it ends near the least error."""
    walk = walk_of(given_lessons.lesson(1, rows=30, columns=12), bits)
    assert walk.path[0] * walk.levels[1] == pytest.approx(np.abs(walk.values).max())
    assert np.abs(np.diff(np.log(walk.path))).max() < 2 * RATE
    assert walk.path_errors[-1] < 1.1 * walk.best[1]
    assert walk.path_errors[-1] < walk.path_errors[0]
    assert walk.pushes[0] == 0, "nothing is clipped at first"
    assert abs(walk.pulls[-1] + walk.pushes[-1]) < 0.25 * walk.pulls[-1], "in the end both are in balance"


def test_of_weights_alone_a_scale_begins_at_the_grid_of_the_file() -> None:
    """Every code is a level, and the largest magnitude is the outermost one, on the side where it is."""
    lesson = replace(given_lessons.lesson(1, rows=30, columns=12), signs=True)
    values = lesson.values.ravel()
    walk = walk_of(lesson, 3)
    largest = values[np.abs(values).argmax()]
    assert walk.levels == ((-3, 4) if largest > 0 else (-4, 3))
    assert walk.path[0] * 4 == pytest.approx(abs(largest))
    assert walk_of(lesson, 8).levels == (-127, 127)
