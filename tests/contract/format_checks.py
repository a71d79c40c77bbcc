"""What tests of number formats share: recipes, plans, and what must hold of the file and the size of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.cli.parser import build_parser
from qexplorer.core.formats import Granularity, Storage, get_format
from qexplorer.core.grid import Grid, fake_quantize
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.quantize import quantize_model
from tests.quantize.support import case, run

__all__ = ["check_file", "check_size", "command_help", "format_recipe", "planned", "weights_of"]


def format_recipe(name: str, granularity: Granularity | None, **more: Any) -> Recipe:
    """Weights in the format called ``name``, activations too where it is cast to."""
    found = get_format(name)
    weights: dict[str, Any] = {"format": name, **more}
    if granularity is not None:
        weights |= {"granularity": str(granularity), "block": 8}
    both = found.storage is Storage.CAST
    return Recipe.model_validate({"weights": weights} | ({"activations": {"format": name}} if both else {}))


def planned(recipe: Recipe, network: str = "mlp") -> Plan:
    """The plan of a small network."""
    found = case(network)
    return make_plan(found.model, recipe, found.statistics)


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    """What every node that hangs on constants alone makes, by ONNX's own reference."""
    from onnx.reference import ReferenceEvaluator

    known = {item.name for item in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.input and all(name in known for name in node.input):
            kept.append(node)
            known |= set(node.output)
    outputs = [onnx.helper.make_tensor_value_info(node.output[0], 1, None) for node in kept if _is_decoded(node)]
    graph = onnx.helper.make_graph(kept, "constants", [], outputs, model.graph.initializer)
    alone = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    values = ReferenceEvaluator(alone).run(None, {})
    return {item.name: np.asarray(value) for item, value in zip(outputs, values, strict=True)}


def _is_decoded(node: onnx.NodeProto) -> bool:
    return node.output[0].endswith(("/dequantized", "/transposed"))


def weights_of(plan: Plan, network: str = "mlp") -> list[tuple[str, np.ndarray[Any, Any], Grid]]:
    """Key, values and grid of every weight of a plan."""
    arrays = {item.name: numpy_helper.to_array(item) for item in case(network).model.proto().graph.initializer}
    return [(key, arrays[t.name], t.grid) for key, t in plan.tensors.items() if t.kind == "weight"]


def check_file(recipe: Recipe, network: str = "mlp") -> None:
    """ONNX Runtime opens the file as people do, and what it decodes is the weights rounded to their grids."""
    found, plan = case(network), planned(recipe, network)
    model = emit(found.model, recipe, plan)
    for simulated in (False, True):
        (answer,) = run(model, found.feeds, simulated=simulated)
        assert np.isfinite(answer).all()
    decoded = _constants(model)
    weights = weights_of(plan, network)
    assert weights
    for key, array, grid in weights:
        form = f"{key}/dequantized"
        value = decoded[form] if form in decoded else decoded[f"{key}/transposed"].T
        np.testing.assert_array_equal(value, fake_quantize(array, grid))


def check_size(recipe: Recipe, network: str = "mlp") -> None:
    """Each layer counts what the format says, and the whole is the packed codes with what stands beside them."""
    found, plan = case(network), planned(recipe, network)
    assert recipe.weights is not None
    given, packed = get_format(recipe.weights.format), 0
    for layer in plan.layers:
        if layer.weights is not None:
            key = plan.constants[layer.name][1]
            grid = plan.tensors[key].grid
            own = grid.own
            assert grid.format.name == given.name
            beside = given.scale_bytes(grid.scale.size) if own is None else 4 * own.levels.size
            if not given.learns:
                assert layer.weight_bytes == grid.format.packed_bytes(layer.parameters, grid.scale.size)
            assert layer.weight_bytes >= layer.parameters * given.bits / 8 + beside
            packed += layer.weight_bytes
    made = quantize_model(found.model, recipe, found.statistics)
    items = {item.name: numpy_helper.to_array(item) for item in onnx.load_from_string(made.onnx).graph.initializer}
    weights = {
        f"{key}/{part}"
        for key, _, _ in weights_of(plan, network)
        for part in ("codes", "scale", "zero_point", "levels")
    }
    others = sum(4 * array.size for name, array in items.items() if name not in weights)
    carried = sum(array.size for name, array in items.items() if name.endswith("/zero_point"))
    beside = others + 2 * carried
    assert packed <= made.weight_bytes <= packed + beside


def command_help(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The help of a command on one line."""
    capsys.readouterr()
    with pytest.raises(SystemExit):
        build_parser().parse_args([command, "--help"])
    return " ".join(capsys.readouterr().out.split())
