"""Activations that float operators round to levels: each rounding is judged by itself, in levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.core.formats import get_format
from qexplorer.core.recipe import Recipe
from qexplorer.measure.fidelity.alone import LEANS, Alone
from qexplorer.measure.fidelity.code_steps import steps_of
from qexplorer.measure.fidelity.rounding_points import Point, points_of
from qexplorer.measure.fidelity.single_points import Asked, each_alone
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.registry import exact_integers, reference
from tests.measure.fidelity.test_single_points import Wrong
from tests.quantize.support import case

FORMATS = ("fp8_e4m3", "fp8_e5m2", "pot", "log")
Change = Callable[[onnx.GraphProto], None]


@pytest.fixture(params=FORMATS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two linear layers with activations in the format."""
    found, name = case("mlp"), request.param
    recipe = Recipe.model_validate({"weights": {"format": "int8"}, "activations": {"format": name}})
    file = tmp_path / f"{name}.onnx"
    file.write_bytes(quantize_model(found.model, recipe, found.statistics).onnx)
    return file


def alone(path: Path, change: Change, folder: Path) -> Alone:
    """What is found of a backend that runs a changed graph."""
    feeds = [case("mlp").feeds]
    return each_alone(Asked(path, Wrong(change), reference(), feeds, 1, folder, exact_integers()))  # type: ignore[arg-type]


def values(graph: onnx.GraphProto, ending: str, new: Callable[[np.ndarray], np.ndarray]) -> None:
    """Changes the constants whose names end so."""
    found = [item for item in graph.initializer if item.name.endswith(ending)]
    assert found
    for item in found:
        item.CopyFrom(numpy_helper.from_array(new(numpy_helper.to_array(item)).astype(np.float32), item.name))


def divisors(graph: onnx.GraphProto, factor: float) -> None:
    """Divides by other scales than are multiplied with later."""
    names = {node.input[1] for node in graph.node if node.op_type == "Div"}
    for item in list(graph.initializer):
        if item.name in names:
            copy = numpy_helper.from_array(numpy_helper.to_array(item) * np.float32(factor), f"{item.name}/other")
            graph.initializer.append(copy)
    for node in graph.node:
        if node.op_type == "Div":
            node.input[1] += "/other"


def test_points_are_found_with_their_levels_and_scales(path: Path) -> None:
    """One for each tensor that is rounded: the tensor, the levels of its format, and the scale in the file."""
    points, name = points_of(onnx.load(str(path)).graph), path.stem
    table = get_format(name).table
    assert table is not None
    assert len(points) >= 3
    for point in points:
        assert point.levels is not None
        np.testing.assert_array_equal(point.levels.levels, table.levels)
        assert point.scale > 0
        assert not point.tensor.endswith(("/quotient", "/inside"))


def test_float_noise_is_not_wrong(path: Path, tmp_path: Path) -> None:
    """Quotients that are off by some parts in ten million go to a neighbouring level now and then, and pass."""
    found = alone(path, lambda graph: divisors(graph, 1 + 3e-7), tmp_path)
    assert found.right
    assert found.points >= 3


def test_a_wrong_scale_is_wrong_by_itself(path: Path, tmp_path: Path) -> None:
    """Quotients that are off by a third are at most a level off where levels are coarse, and lean all the same."""
    found = alone(path, lambda graph: divisors(graph, 0.67), tmp_path)
    assert found.point_wrong


@pytest.mark.parametrize("path", ["pot", "log"], indirect=True)
def test_a_level_that_the_format_does_not_have_is_wrong(path: Path, tmp_path: Path) -> None:
    """It is off by less than a step, and no level."""
    found = alone(path, lambda graph: values(graph, "/tree", lambda tree: np.where(tree == 1, 0.99, tree)), tmp_path)
    assert found.worst_steps == np.inf


@pytest.mark.parametrize("path", ["log"], indirect=True)
def test_rounding_down_leans(path: Path, tmp_path: Path) -> None:
    """Borders at the levels themselves send every value to the level below it."""
    table = get_format("log").table
    assert table is not None
    up = dict(zip(table.borders.tolist(), table.levels[1:].tolist(), strict=True))

    def down(graph: onnx.GraphProto) -> None:
        half = 2 ** int(np.log2(len(table.levels) + 1))

        def new(tree: np.ndarray) -> np.ndarray:
            inner = [up.get(float(value), float(value)) for value in tree[: half - 1]]
            return np.concatenate([np.asarray(inner), tree[half - 1 :]])

        values(graph, "/tree", new)
        values(graph, "/root", lambda root: np.asarray(up[float(root)]))

    found = alone(path, down, tmp_path)
    assert found.leans > LEANS


def _apart(ours: list[float], theirs: list[float], slack: float = 0.0) -> float:
    point = Point("c", "x", "l", "Conv", 1, joins=False, levels=get_format("pot").table, scale=2.0)
    return steps_of(point, {"c": [np.float32(ours)]}, 0, {"c": np.float32(theirs)}, slack=slack).steps


def test_levels_are_counted() -> None:
    """From 0.25 to 1 it is two powers of two; from the smallest below zero to that above it two levels as well."""
    assert _apart([1.0], [0.25]) == 2
    assert _apart([-(2.0**-6)], [2.0**-6]) == 2
    assert _apart([np.nan], [np.nan]) == 0
    assert _apart([0.3], [0.25]) == np.inf


def test_levels_nearer_than_float_noise_are_one_level() -> None:
    """What arithmetic in front is off by, in the unit of the tensor, counts for nothing."""
    assert _apart([2.0**-5], [-(2.0**-5)]) == 4
    assert _apart([2.0**-5], [-(2.0**-5)], slack=2.0**-3) == 0
    assert _apart([2.0**-5], [-(2.0**-5)], slack=2.0**-5) == 3
