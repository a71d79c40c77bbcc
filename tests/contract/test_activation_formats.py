"""Which backend runs activations that are not integers: the table of docs/recipes.md says it, each cell is tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import Split
from qexplorer.core.errors import BackendError
from qexplorer.core.formats import FORMATS, Storage
from qexplorer.core.recipe import Recipe
from qexplorer.measure.fidelity.ends import close
from qexplorer.measure.fidelity.single_points import Asked, each_alone
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.protocol import Backend, Mode, SessionOptions
from qexplorer.run.registry import BACKENDS, exact_integers, reference
from tests.contract.here import HERE
from tests.quantize.support import model_of

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
LEVELS = [f.name for f in FORMATS if "activation" in f.roles and f.storage in (Storage.FLOAT8, Storage.TABLE)]
ON_CPU = [each for each in BACKENDS if each.capabilities.device == "cpu"]


def cells() -> dict[str, dict[str, bool]]:
    """The table: by a backend's label and a format, whether it runs there."""
    section = PAGE.read_text(encoding="utf-8").split("## Activations that are not integers")[1].split("\n## ")[0]
    rows = [[each.strip() for each in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    names = [name.strip("`") for name in rows[0][1:]]
    assert {cell for row in rows[2:] for cell in row[1:]} <= {"runs", "refused"}
    return {row[0]: {name: cell == "runs" for name, cell in zip(names, row[1:], strict=True)} for row in rows[2:]}


def test_the_table_has_every_such_format_and_every_backend_of_a_processor() -> None:
    """No row and no column is missing, and none is of something else."""
    table = cells()
    assert list(table) == [backend.label for backend in ON_CPU]
    assert all(sorted(row) == sorted(LEVELS) for row in table.values())


def quantized(formats: list[str], folder: Path) -> Path:
    """Linear layers side by side, one for each format of activations."""
    rng = np.random.default_rng(0)
    nodes = [helper.make_node("Gemm", [f"x_{f}", f"w_{f}"], [f"y_{f}"], f"layer_{f}") for f in formats]
    weights = [numpy_helper.from_array(rng.normal(size=(8, 4)).astype(np.float32), f"w_{f}") for f in formats]
    ends = [
        [helper.make_tensor_value_info(f"{end}_{f}", TensorProto.FLOAT, ["n", width]) for f in formats]
        for end, width in (("x", 8), ("y", 4))
    ]
    graph = helper.make_graph(nodes, "side by side", *ends, weights)
    model = model_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), "formats")
    samples = {f"x_{f}": rng.normal(size=(64, 8)).astype(np.float32) for f in formats}
    rules = [{"match": f"layer_{f}", "activations": {"format": f}} for f in formats]
    given = {"weights": {"format": "int8"}, "activations": {"format": "uint8"}, "layers": rules}
    made = quantize_model(model, Recipe.model_validate(given), collect(model, Split(samples), threads=1))
    path = folder / "formats.onnx"
    path.write_bytes(made.onnx)
    casts = sum(node.op_type in ("Div", "Gather") for node in onnx.load_from_string(made.onnx).graph.node)
    assert casts >= len(formats), "no activation is rounded to levels"
    return path


@pytest.mark.parametrize("backend", HERE, ids=lambda each: each.name)
@pytest.mark.usefixtures("shared_workspace")
def test_a_backend_does_what_its_row_says(backend: Backend, tmp_path: Path) -> None:
    """Formats that run answer as the simulation does, or pass the gate piece by piece; the others are refused in one
    sentence with node and format."""
    if backend not in ON_CPU:
        pytest.skip("the table is of processors")
    row = cells()[backend.label]
    runs = [name for name in LEVELS if row[name]]
    rng = np.random.default_rng(1)
    feeds = {f"x_{name}": rng.normal(size=(8, 8)).astype(np.float32) for name in runs}
    path = quantized(runs, tmp_path)
    ours, theirs = (
        each.load(path, SessionOptions(mode)).run(feeds)
        for each, mode in ((backend, Mode.NATIVE), (reference(), Mode.SIMULATED))
    )
    assert len(ours) == len(runs)
    if not all(map(close, ours, theirs)):  # a value next to a border: each rounding by itself then
        assert each_alone(Asked(path, backend, reference(), [feeds], 1, tmp_path, exact_integers())).right
    for name in set(LEVELS) - set(runs):
        with pytest.raises(BackendError, match=rf"no tensors of {name}, which '.*x_{name}.*' rounds") as caught:
            backend.load(quantized([name], tmp_path), SessionOptions()).run({f"x_{name}": feeds[next(iter(feeds))]})
        assert "\n" not in caught.value.sentence
