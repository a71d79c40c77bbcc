"""ONNX Runtime's profile: every kernel once, and every layer of the given graph given to one kernel."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.core.dataset import Array
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.mapping import QUANTIZERS, layers_of
from qexplorer.run.onnxruntime.profile import UNCOUNTED, TimedNode, executed, read_events
from qexplorer.run.protocol import Executed, KernelKind, Mode, SessionOptions
from tests.measure.models import make_cnn, samples
from tests.quantize.graphs import ZOO
from tests.quantize.support import case


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Samples and the zoo are observed once for the whole session."""


@cache
def observed(name: str, folder: Path) -> tuple[Model, dict[str, Array], Statistics]:
    """A sample or an architecture, one row to run it on, and its statistics from a few samples."""
    assert folder.is_dir()
    model = load_model(name)
    data = fit_to_model(load_data(name if name != "resnet18" else "noise_224"), model)
    feeds = {key: np.asarray(value[:1]) for key, value in data.evaluation.inputs.items()}
    return model, feeds, collect(model, data.calibration.head(8), threads=1)


def profiled(path: Path, feeds: dict[str, Array], mode: Mode = Mode.NATIVE) -> tuple[Executed, ...]:
    """Three profiled runs."""
    return OnnxRuntimeCpu().load(path, SessionOptions(mode)).profile(feeds, runs=3)


def computed_nodes(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that a run computes: without quantizers and without what depends on constants alone."""
    moving, found = {value.name for value in graph.input} - {item.name for item in graph.initializer}, []
    for node in graph.node:
        if not moving.isdisjoint(node.input):
            moving.update(node.output)
            found += [node.name] if node.op_type not in QUANTIZERS else []
    return found


def lost(path: Path, kernels: tuple[Executed, ...]) -> list[str]:
    """Operator types of layers that no kernel has; no layer may have two."""
    graph = onnx.load(str(path), load_external_data=False).graph
    types = {node.name: node.op_type for node in graph.node}
    found = Counter(layer for kernel in kernels for layer in kernel.layers)
    assert set(found.values()) <= {1}
    assert set(found) <= set(computed_nodes(graph))
    return [types[name] for name in computed_nodes(graph) if name not in found]


@pytest.mark.parametrize("recipe", ["float", "w8a8"])
@pytest.mark.parametrize("name", ["digits_cnn", "glyphs_mobilenet", "resnet18"])
def test_every_layer_of_a_network_has_one_kernel(name: str, recipe: str) -> None:
    """Float in blocked layout and integer, fused and renamed: each layer is found in exactly one kernel."""
    model, feeds, statistics = observed(name, workspace())
    path = model.path if recipe == "float" else quantize_model(model, Recipe.parse(recipe), statistics).path
    kernels = profiled(path, feeds)
    assert lost(path, kernels) == []
    computing = [kernel for kernel in kernels if kernel.kind in (KernelKind.INTEGER, KernelKind.FLOAT)]
    assert all(kernel.layers for kernel in computing)
    assert {kernel.kind for kernel in computing} == {KernelKind.FLOAT if recipe == "float" else KernelKind.INTEGER}
    assert sum(kernel.ms or 0 for kernel in kernels) > 0


@pytest.mark.parametrize("recipe", ["float", "w8a8", "w8a8-sym", "w4a4", "w8a8-dynamic", "w4-b32", "fp16", "w8a16"])
@pytest.mark.parametrize("name", sorted(ZOO))
def test_layers_without_a_kernel_are_those_that_were_optimized_away(name: str, recipe: str) -> None:
    """Only a Relu or Clip whose bounds the next QuantizeLinear has anyway, and an undone Cast, have no kernel."""
    this = case(name)
    path = this.model.path
    if recipe != "float":
        path = quantize_model(this.model, Recipe.parse(recipe), this.statistics).path
    kernels = profiled(path, this.feeds)
    assert set(lost(path, kernels)) <= {"Relu", "Clip", "Cast"}
    assert all(kernel.ms is not None for kernel in kernels)


def test_a_fused_sum_belongs_to_the_kernel_that_waits_for_both_sides() -> None:
    """In a residual block the Add is part of the convolution that runs last, not of the shortcut."""
    model, feeds, _ = observed("digits_cnn", workspace())
    kernels = {kernel.layers[0]: kernel.layers for kernel in profiled(model.path, feeds) if kernel.layers}
    assert kernels["block2.conv2"] == ("block2.conv2", "block2.add", "block2.relu2")
    assert kernels["block2.shortcut"] == ("block2.shortcut",)


def test_a_simulated_run_is_profiled_as_what_it_is() -> None:
    """Simulated, the same graph has float kernels and quantizers, and no integer kernel."""
    model, feeds, statistics = observed("digits_cnn", workspace())
    path = quantize_model(model, Recipe.parse("w8a8"), statistics).path
    kinds = {kernel.kind for kernel in profiled(path, feeds, Mode.SIMULATED)}
    assert KernelKind.INTEGER not in kinds
    assert {KernelKind.FLOAT, KernelKind.CONVERTS} <= kinds


def test_profiling_leaves_no_file_and_the_session_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile and the optimized graph go to a private folder that is gone; answers stay the same."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(folder)
    session = OnnxRuntimeCpu().load(make_cnn(tmp_path).path, SessionOptions())
    feeds = {"x": samples(2)}
    before = session.run(feeds)[0]
    assert session.profile(feeds, runs=2)
    assert list(folder.iterdir()) == []
    assert np.array_equal(session.run(feeds)[0], before)


def test_events_are_gathered_by_node_and_the_first_runs_do_not_count(tmp_path: Path) -> None:
    """Two nodes of one name stay two; microseconds become milliseconds; the median leaves out the uncounted runs."""
    place = tmp_path / "profile.json"
    events = [{"cat": "Session", "name": "model_run", "dur": 5, "args": {}}]
    for run in range(UNCOUNTED + 3):
        for index, dur in (("0", 1000 if run < UNCOUNTED else 10 + run), ("1", 7)):
            arguments = {"op_name": "Relu", "node_index": index, "provider": "CPUExecutionProvider"}
            events.append({"cat": "Node", "name": "r_kernel_time", "dur": dur, "args": arguments})
    place.write_text(json.dumps(events))
    first, second = read_events(place)
    assert (first.name, first.op, first.median_ms) == ("r", "Relu", 0.013)
    assert second.median_ms == 0.007
    assert TimedNode("r", "Relu", (1.0, 1.0)).median_ms is None


def graph_of(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A graph from ``x`` to ``y``."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    return helper.make_model(helper.make_graph(list(nodes), "g", [x], [y]))


def test_a_layer_behind_an_inserted_reordering_is_found_by_the_tensor_that_it_reorders() -> None:
    """A kernel whose name and tensors say nothing is known by the ReorderOutput that gives its tensor a given name."""
    given = graph_of(helper.make_node("Conv", ["x"], ["c"], "first"), helper.make_node("Relu", ["c"], ["y"], "second"))
    optimized = [
        helper.make_node("Conv", ["x"], ["hidden"], "unheard of"),
        helper.make_node("ReorderOutput", ["hidden"], ["y"], "ReorderOutput"),
    ]
    assert layers_of(given.graph, optimized) == [("first", "second"), ()]


def test_kernels_without_a_name_are_met_by_type_and_unseen_ones_have_no_time() -> None:
    """The profile calls a nameless node by type and index; a node that never ran keeps None."""
    optimized = graph_of(helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Abs", ["a"], ["y"], "abs"))
    found = executed(optimized, optimized, [TimedNode("Relu_7", "Relu", (1.0, 1.0, 0.5))])
    assert [(kernel.name, kernel.ms) for kernel in found] == [("Relu_7", 0.5), ("abs", None)]


def test_kernels_of_one_name_are_told_apart() -> None:
    """By a number, in the order in which they ran."""
    nodes = [helper.make_node("Relu", [a], [b], "relu") for a, b in (("x", "a"), ("a", "b"), ("b", "y"))]
    events = [TimedNode("relu", "Relu", (1.0, 1.0, ms)) for ms in (0.1, 0.2, 0.3)]
    found = executed(graph_of(*nodes), graph_of(*nodes), events)
    assert [(kernel.name, kernel.ms) for kernel in found] == [("relu", 0.1), ("relu #2", 0.2), ("relu #3", 0.3)]
