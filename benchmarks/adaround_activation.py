"""Does AdaRound gain by taking its error behind the layer's activation (Nagel et al. 2020, equation 25)?

    python benchmarks/adaround_activation.py [--draws 3] [--only WORDS]

glyphs_mobilenet, int3 weights and uint8 activations, draws of three quarters of the calibration samples. What is cut
off by a ReLU6 costs nothing behind it; that is no function of moments, so that places have to be drawn, here about
1,000 a layer. The same places in front of the activation tell what the activation changes, and all places by their
moments, as the program has it, what drawing loses. Results go to ``benchmarks/results/adaround-activation.md``, each
row in the place of an earlier one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

import qexplorer as qx
from benchmarks.against_references import answered
from benchmarks.four_bits import drawn
from benchmarks.references.subjects import fed, scores
from qexplorer.api.given import fitted
from qexplorer.api.quantizing import CALIBRATION_SAMPLES, made
from qexplorer.core.dataset import DataSet
from qexplorer.core.grid import Int32, quantize
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.quantize.algorithms import adaround
from qexplorer.quantize.layerwise import both_inputs, in_order
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import GridWeight

RESULT = Path(__file__).parent / "results" / "adaround-activation.md"
PLACES, MOST = 1000, 6.0
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Way:
    """What is learned from."""

    places: bool
    behind: bool
    steps: int

    @property
    def words(self) -> str:
        """For the table."""
        seen = f"{PLACES:,} places a layer" if self.places else "all places"
        return f"{seen}, {'behind' if self.behind else 'in front of'} the activation | {self.steps:,}"


WAYS = (Way(True, False, 300), Way(True, True, 300), Way(False, False, 300), Way(False, False, 1000))


@dataclass(slots=True)
class OnPlaces:
    """AdaRound on places that are drawn while moments are taken.

    Attributes:
        biases: of each layer.
        cut: layers with nothing but a clip from 0 to 6 behind them, where the error is taken behind it.
        seen: inputs of both networks at the places, by matrix and by the first sample of their batch: batches come in
            any order.
    """

    biases: dict[str, Array | None]
    cut: set[str]
    seen: dict[int, dict[int, tuple[Array, Array]]] = field(default_factory=dict)
    places: int = 0

    def parts(self, usual: Callable[..., Any]) -> Callable[..., Any]:
        """What adds up moments, and draws places."""

        def taken(matrix: Any, real: Array, rounded: Array, samples: int, first: int) -> Any:
            x, y = matrix.inputs(real), matrix.inputs(rounded)
            share = max(1, int(np.ceil(PLACES * len(real) / samples)))
            chosen = np.random.default_rng(first).choice(x.shape[-1], min(share, x.shape[-1]), replace=False)
            self.seen.setdefault(id(matrix), {})[first] = x[..., chosen].copy(), y[..., chosen].copy()
            return usual(matrix, real, rounded, samples, first)

        return taken

    def rounded(self, weight: GridWeight, moments: Any, options: adaround.AdaroundOptions, told: Any) -> Int32:  # noqa: ARG002
        """As ``adaround.rounded``, with the error of the places."""
        grid, matrix = weight.grid, weight.matrix
        nearest = quantize(weight.values, grid)
        scale, zero = matrix.grid(grid)
        rows = matrix.rows(weight.values)
        steps = rows / scale
        below = np.floor(steps)
        low, high = (np.float32(each) - zero.astype(np.float32) for each in (grid.qmin, grid.qmax))
        error, slope_of = self._error(weight, rows, options.correction)
        unit = float(np.square(error((matrix.rows(nearest) - zero) * scale)[1], dtype=np.float64).sum())
        unit /= self.places * rows.size
        if not unit > 0:
            return nearest
        choice = adaround._Choice(steps - below)
        for step in range(options.steps):
            up, slope = choice.at()
            level = below + up
            gradient = slope_of(*error(np.clip(level, low, high) * scale)) * scale / np.float32(unit)
            gradient = np.where((level < low) | (level > high), 0.0, gradient)
            share = (step / options.steps - adaround._FREE) / (1 - adaround._FREE)
            if share >= 0:
                gradient -= options.regularizer * adaround._push(up, share)
            choice.follow(gradient * slope, options.rate)
        up, _ = choice.at()
        return np.ascontiguousarray(matrix.weight(np.clip(below + (up >= 0.5), low, high).astype(np.int32) + zero))

    def _error(
        self, weight: GridWeight, rows: Array, correction: float
    ) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Outputs in front of the activation and errors of a matrix; and their gradient."""
        batches = [inputs for _, inputs in sorted(self.seen.pop(id(weight.matrix)).items(), key=lambda each: each[0])]
        x, y = (np.concatenate([inputs[i] for inputs in batches], -1) for i in (0, 1))
        self.places = x.shape[-1]
        bias, cut = self.biases[weight.layer], weight.layer in self.cut
        added = np.zeros((*rows.shape[:2], 1), np.float32) if bias is None else bias.reshape(*rows.shape[:2], 1)

        def behind(values: Array) -> Array:
            return np.clip(values, 0, MOST) if cut else values

        wanted = behind(correction * (rows @ x) + (1 - correction) * (rows @ y) + added)

        def error(matrix: Array) -> tuple[Array, Array]:
            outputs = matrix.astype(np.float32) @ y + added
            return outputs, behind(outputs) - wanted

        def gradient(outputs: Array, off: Array) -> Array:
            kept = off * ((outputs > 0) & (outputs < MOST)) if cut else off
            return np.asarray(2 * (kept @ y.swapaxes(1, 2)) / np.float32(self.places))

        return error, gradient


def layers_of(proto: onnx.ModelProto) -> tuple[dict[str, Array | None], set[str]]:
    """Biases of layers, and those with a clip and nothing else behind them."""
    stored = {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}
    biases: dict[str, Array | None] = {}
    cut = set()
    for node in proto.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            biases[node.name] = stored[node.input[2]] if len(node.input) > 2 else None
            if [each.op_type for each in proto.graph.node if node.output[0] in each.input] == ["Clip"]:
                cut.add(node.name)
    return biases, cut


@contextmanager
def learning(way: Way, model: Model) -> Iterator[None]:
    """AdaRound as ``way`` has it; codes are kept whatever their error in front of the activation is."""
    biases, cut = layers_of(model.proto())
    on_places, usual = OnPlaces(biases, cut if way.behind else set()), better_codes

    def kept(weight: GridWeight, codes: Int32, moments: Any) -> Any:
        found = usual(weight, codes, moments)
        return replace(found, codes=codes, rows=max(1, found.rows))

    with ExitStack() as stack:
        stack.enter_context(patch.object(in_order, "better_codes", kept))
        if way.places:
            stack.enter_context(patch.object(both_inputs, "_parts", on_places.parts(both_inputs._parts)))
            stack.enter_context(patch.object(adaround, "rounded", on_places.rounded))
        yield


def judged(way: Way, model: Model, data: DataSet, draw: int) -> str:
    """What one draw comes to, in float as its grids have it: dB at the outputs, accuracy."""
    recipe = Recipe.parse(
        "weights: {format: int3, granularity: channel}\nactivations: {format: uint8}\n"
        f"algorithms: [{{adaround: {{steps: {way.steps}}}}}]\n"
    )
    seen = drawn(data, draw)
    seen = replace(seen, digest=f"{seen.digest}/{way.words}")  # what was made before is another way's
    with learning(way, model):
        path = made(model, recipe, seen, samples=CALIBRATION_SAMPLES).path
    held = fed(model, data.evaluation)
    found = scores(answered(onnx.load(path), held), answered(model.proto(), held), data)
    return ", ".join(f"{each:.2f}" for each in found.values())


def main() -> None:
    """Measures and writes, a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--only", default="", help="rows that contain this")
    given = parser.parse_args()
    model = qx.load("glyphs_mobilenet")
    data = fitted(model, None, "it is judged")
    numbers = [f"draw {draw + 1}" for draw in range(given.draws)]
    head = [
        "# AdaRound behind the activation\n",
        f"{describe_machine().cpu}; `python benchmarks/adaround_activation.py`; glyphs_mobilenet `w3a8`, draws "
        "of three quarters of the calibration samples, in float as the grids have it: dB at the outputs, accuracy in "
        "per cent.\n",
        f"| error of | steps | processor time, the longest (s) | {' | '.join(numbers)} |",
        "|---|---|---" + "|---" * given.draws + "|",
    ]
    kept = RESULT.read_text().splitlines() if RESULT.exists() else []
    lines = {way: next((each for each in kept if each.startswith(f"| {way.words} |")), "") for way in WAYS}
    for way in (each for each in WAYS if given.only in each.words):
        found, longest = [], 0.0
        for draw in range(given.draws):
            begun = time.process_time()
            found.append(judged(way, model, data, draw))
            longest = max(longest, time.process_time() - begun)
            print(f"{way.words} | {numbers[draw]} | {found[-1]}", flush=True)
        lines[way] = f"| {way.words} | {longest:.0f} | {' | '.join(found)} |"
        RESULT.write_text("\n".join([*head, *(line for line in lines.values() if line)]) + "\n")


if __name__ == "__main__":
    main()
