"""What a symmetric grid of few bits gains by its last code, with a scale of one sign or of either.

    python benchmarks/symmetric_levels.py

Random blocks of 32 values by every rule in use, then the trained samples with weights alone as this program rounds
them, without and with scales of either sign. Writes ``benchmarks/results/symmetric-levels.md``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

import qexplorer as qx
from benchmarks.references.subjects import fed, scores
from qexplorer.core.grid import fake_quantize
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.graph.index import index_of
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.tap import open_session
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.constants import fitting
from qexplorer.quantize.decide import decide

Floats = NDArray[Any]
RESULT = Path(__file__).parent / "results" / "symmetric-levels.md"
MODELS = {"text_lm": "opticks", "glyphs_mobilenet": "glyphs", "digits_vit": "digits"}
BLOCKS, VALUES = 20000, 32


def rules(values: Floats, bits: int) -> dict[str, float]:
    """SQNR in dB of blocks ``(n, 32)`` by rule."""
    half, rows = 2 ** (bits - 1), np.arange(len(values))
    size = np.abs(values).max(1)
    first = -values[rows, np.abs(values).argmax(1)] / half  # the largest magnitude becomes the most negative code
    shares = np.linspace(0.3, 1.3, 101)

    def errors(scale: Floats, lowest: int) -> Floats:
        codes = np.clip(np.rint(values / scale[:, None]), lowest, half - 1)
        return np.asarray(np.square(values - codes * scale[:, None]).sum(1))

    def searched(scale: Floats, lowest: int) -> Floats:
        return np.asarray(np.min([errors(scale * share, lowest) for share in shares], 0))

    full = searched(size / (half - 0.5), -half)
    found = {
        "one code less, largest value": errors(size / (half - 1), 1 - half),
        "every code, largest value half a step out": errors(size / (half - 0.5), -half),
        "every code, either sign, largest value": errors(first, -half),
        "one code less, least squares": searched(size / (half - 1), 1 - half),
        "every code, least squares": full,
        "every code, sign of the largest, least squares": searched(first, -half),
        "every code, better sign, least squares": np.minimum(full, searched(-size / (half - 0.5), -half)),
    }
    total = float(np.square(values).sum())
    return {rule: 10 * float(np.log10(total / each.sum())) for rule, each in found.items()}


def rounded(model: Model, recipe: Recipe, *, either_sign: bool) -> onnx.ModelProto:
    """The float graph with every weight rounded as the recipe says."""
    view, proto = index_of(model), model.proto()
    stored = {item.name: item for item in proto.graph.initializer}
    for name, decision in decide(model, recipe, view).items():
        if decision.weight is None or not isinstance(decision.spec.weights, WeightSpec):
            continue
        tensor = view.nodes[name].input[decision.weight]
        values = view.array(tensor)
        spec, axis, block_axis, _ = fitting(decision, decision.spec.weights, view)
        grid = weight_grid(values, spec, axis, block_axis, either_sign=either_sign)
        stored[tensor].CopyFrom(numpy_helper.from_array(fake_quantize(values, grid), tensor))
    return proto


def samples(recipes: tuple[str, ...]) -> Iterator[str]:
    """A row of the table for each model and recipe."""
    for name, which in MODELS.items():
        model, data = qx.load(name), qx.data(which)
        held = fed(model, data.evaluation)

        def answers(proto: onnx.ModelProto, held: dict[str, Floats] = held) -> Floats:
            session, count = open_session(proto.SerializeToString(), 1, "model"), len(next(iter(held.values())))
            parts = [{k: v[i : i + 64] for k, v in held.items()} for i in range(0, count, 64)]
            return np.concatenate([session.run(None, part)[0] for part in parts])

        wanted = answers(model.proto())
        for recipe in recipes:
            both = [
                scores(answers(rounded(model, Recipe.parse(recipe), either_sign=sign)), wanted, data)
                for sign in (False, True)
            ]
            measure = next(key for key in both[0] if not key.startswith("SQNR"))
            (less, every), float_one = both, scores(wanted, wanted, data)[measure]
            numbers = [f"{each[key]:.2f}" for key in ("SQNR (dB)", measure) for each in (less, every)]
            yield f"| {name} | `{recipe}` | {numbers[0]} | {numbers[1]} | {measure} {float_one:.2f} | {numbers[2]} | {numbers[3]} |"  # noqa: E501


def main() -> None:
    """Measures and writes."""
    draw = np.random.default_rng(0)
    blocks = {"normal": draw.normal(size=(BLOCKS, VALUES)), "Laplace": draw.laplace(size=(BLOCKS, VALUES))}
    columns = [(kind, bits) for bits in (2, 3, 4, 5, 8) for kind in blocks]
    each = [rules(blocks[kind], bits) for kind, bits in columns]
    lines = [
        "# The last code of a symmetric grid\n",
        f"{describe_machine().cpu}; `python benchmarks/symmetric_levels.py`. SQNR in dB of {BLOCKS} blocks of {VALUES} "
        "random values, by rule:\n",
        "| rule | " + " | ".join(f"{bits} bits, {kind}" for kind, bits in columns) + " |",
        "|---|" + "---|" * len(columns),
        *(f"| {rule} | " + " | ".join(f"{one[rule]:.2f}" for one in each) + " |" for rule in each[0]),
        "\nTrained samples, weights alone, on grids with one code less and with scales of either sign:\n",
        "| model | recipe | dB, one less | dB, every code | float | one less | every code |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in samples(("w4-b32", "w4-b32-mse", "w4", "w4-mse", "w3-b32", "w3-b32-mse", "w3-mse", "w2-b32-mse")):
        print(row, flush=True)
        lines.append(row)
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
