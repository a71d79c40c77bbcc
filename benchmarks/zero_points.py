"""Should the zero points that HQQ looks for be integers?

    python benchmarks/zero_points.py [--models text_lm digits_vit] [--block 16] [--match WORDS]

int4 with a zero point for each block, weights of all matrix products, tables of words in float. The alternation of
Badri and Shaji 2023 (equations 3 to 8, ``p = 0.7``) moves scales, zero points or both, and zero points are integers or
not; each is judged by the outputs, and by its own objective beside that of moved scales with integer zero points. To
see why a zero point that is no integer can cost much, it is judged once more with weights of less than half a step put
to zero, where an integer one has them. Rows of a search go through all of 26 scales, 5 integer zero points and the
scales that fit their codes best, for the least sum of some power. The last rows are the program's: ``hqq``, and the
``mse`` calibrator, which looks for the scale and the integer zero point with the least squared error. Results go to
``benchmarks/results/zero-points.md``, each row in the place of an earlier one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from benchmarks.against_references import answered, ours
from benchmarks.references.subjects import fed, scores, subject
from qexplorer.machine.description import describe_machine

RESULT = Path(__file__).parent / "results" / "zero-points.md"
MODELS = ("text_lm", "digits_vit")
Blocks = NDArray[np.float64]
P, BETA, KAPPA, TURNS, TOP = 0.7, 10.0, 1.01, 20, 15
SEARCHED = np.arange(0.6, 1.11, 0.02)


@dataclass(frozen=True, slots=True)
class Way:
    """What is moved, from where."""

    scale: bool
    zero: bool
    integer: bool
    start_integer: bool = False

    @property
    def words(self) -> tuple[str, str]:
        """What moves, and what a zero point is."""
        moves = " and ".join(["scale"] * self.scale + ["zero point"] * self.zero) or "nothing"
        return moves, "integer" if self.integer else f"float{', from an integer' if self.start_integer else ''}"


WAYS = (
    *(Way(scale, zero, True) for scale, zero in ((False, False), (True, False), (True, True))),
    *(Way(scale, zero, False) for scale, zero in ((False, False), (False, True), (True, True))),
    Way(False, True, False, start_integer=True),
)


@dataclass(frozen=True, slots=True)
class Grids:
    """A scale and a zero point for each block: shape ``(blocks, 1)``, counted in codes."""

    scale: Blocks
    zero: Blocks

    def codes(self, weights: Blocks) -> Blocks:
        """The nearest codes."""
        return np.clip(np.round(weights / self.scale + self.zero), 0, TOP)

    def values(self, weights: Blocks) -> Blocks:
        """What they stand for."""
        return (self.codes(weights) - self.zero) * self.scale


def found(weights: Blocks, way: Way) -> Grids:
    """The grids that the alternation ends at; a block whose sum of powers did not become less keeps its grid."""
    low, high = np.minimum(weights.min(1, keepdims=True), 0), np.maximum(weights.max(1, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / TOP, 1.0)
    zero = -low / scale
    at = best = Grids(scale, np.round(zero) if way.integer or way.start_integer else zero)
    least, beta = powers(weights, best, scale), BETA
    for _ in range(TURNS if way.scale or way.zero else 0):
        at = _moved(weights, at, way, beta)
        beta *= KAPPA
        now = powers(weights, at, scale)
        better = now < least
        if not better.any():
            break
        best = Grids(np.where(better, at.scale, best.scale), np.where(better, at.zero, best.zero))
        least = np.where(better, now, least)
    return best


def _moved(weights: Blocks, at: Grids, way: Way, beta: float) -> Grids:
    codes = at.codes(weights)
    off = (weights - at.values(weights)) / at.scale
    size = np.abs(off)
    with np.errstate(divide="ignore"):
        kept = np.maximum(size - size ** (P - 1) / beta, 0)
    target = weights - np.sign(off) * kept * at.scale
    scale, zero = at.scale, at.zero
    if way.scale:
        scale = _fit(target, codes - zero, scale)
    if way.zero:
        zero = (codes - target / scale).mean(1, keepdims=True)
        zero = np.clip(np.round(zero), 0, TOP) if way.integer else zero
    return Grids(scale, zero)


def searched(weights: Blocks, p: float) -> Grids:
    """The best of all scales and integer zero points around those of the range, and of scales fitted to their codes."""
    first = best = found(weights, Way(False, False, True))
    least = powers(weights, first, first.scale, p)
    for away in (-2, -1, 0, 1, 2):
        zero = np.clip(first.zero + away, 0, TOP)
        for ratio in SEARCHED:
            at = Grids(first.scale * ratio, zero)
            for each in (at, Grids(_fit(weights, at.codes(weights) - zero, at.scale), zero)):
                now = powers(weights, each, first.scale, p)
                better = now < least
                best = Grids(np.where(better, each.scale, best.scale), np.where(better, each.zero, best.zero))
                least = np.where(better, now, least)
    return best


def _fit(target: Blocks, levels: Blocks, otherwise: Blocks) -> Blocks:
    """The scales by which levels are nearest to ``target`` in squares."""
    square = (levels * levels).sum(1, keepdims=True)
    fit = np.divide((target * levels).sum(1, keepdims=True), square, out=otherwise.copy(), where=square > 0)
    return np.where(fit > 0, fit, otherwise)


def powers(weights: Blocks, grids: Grids, step: Blocks, p: float = P) -> Blocks:
    """The objective of each block, ``sum |W - W_q|^p``, in steps of the grid that was there first."""
    return np.asarray(((np.abs(weights - grids.values(weights)) / step) ** p).sum(1, keepdims=True))


def products(proto: onnx.ModelProto) -> Iterator[tuple[onnx.TensorProto, NDArray[np.float32]]]:
    """The matrices of a graph's products, with what stores them."""
    stored = {item.name: item for item in proto.graph.initializer}
    for node in proto.graph.node:
        item = stored.get(node.input[1]) if node.op_type == "MatMul" else None
        if item is not None and len(item.dims) == 2:
            yield item, numpy_helper.to_array(item)


def in_blocks(matrix: NDArray[np.float32], block: int) -> Blocks:
    """Neighbouring inputs of one output; shape ``(blocks, block)``."""
    return np.ascontiguousarray(matrix.T).reshape(-1, block).astype(np.float64)


def changed(proto: onnx.ModelProto, block: int, values: Callable[[Blocks], Blocks]) -> onnx.ModelProto:
    """The graph with other weights in its products."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for item, matrix in products(copy):
        new = values(in_blocks(matrix, block)).reshape(matrix.T.shape).T
        item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(new, np.float32), item.name))
    return copy


def without_small(weights: Blocks, grids: Grids) -> Blocks:
    """Values of a grid, but weights of less than half a step are zero."""
    return np.where(np.abs(weights) < grids.scale / 2, 0.0, grids.values(weights))


def against_scales(proto: onnx.ModelProto, block: int, way: Way) -> list[float]:
    """Of each product, the sum of powers over that of moved scales with integer zero points."""
    ratios = []
    for _, matrix in products(proto):
        weights = in_blocks(matrix, block)
        step = found(weights, Way(False, False, True)).scale
        one, other = (powers(weights, found(weights, each), step).sum() for each in (way, Way(True, False, True)))
        ratios.append(float(one / other))
    return ratios


def rows(name: str, block: int, match: str) -> Iterator[tuple[str, str]]:
    """What the lines of one model's table begin with, and what follows."""
    model, data = subject(name, 0)
    held = fed(model, data.evaluation)
    wanted = answered(model.proto(), held)

    def judged(proto: onnx.ModelProto) -> str:
        return ", ".join(f"{each:.2f}" for each in scores(answered(proto, held), wanted, data).values())

    def of_way(way: Way) -> str:
        plain = judged(changed(model.proto(), block, lambda each: found(each, way).values(each)))
        zeroed = "" if way.integer else judged(
            changed(model.proto(), block, lambda each: without_small(each, found(each, way)))
        )  # fmt: skip
        ratios = against_scales(model.proto(), block, way)
        less = f"{min(ratios):.3f} to {max(ratios):.3f}, below 1 in {sum(each < 1 for each in ratios)} of {len(ratios)}"
        return f"{4 + (36 if way.integer else 64) / block:g} | {plain} | {zeroed} | {less}"

    def of_search(p: float) -> str:
        plain = judged(changed(model.proto(), block, lambda each: searched(each, p).values(each)))
        return f"{4 + 36 / block:g} | {plain} | | "

    def of_recipe(calibrator: str, algorithms: str) -> str:
        kept: dict[str, Any] = {"format": "int4", "granularity": "block", "block": block, "symmetric": "false"}
        fields = ", ".join(f"{key}: {value}" for key, value in (kept | {"calibrator": calibrator}).items())
        recipe = f"weights: {{{fields}}}\nlayers: [{{match: 'op:Gather', float: true}}]\nalgorithms: {algorithms}\n"
        return f"{4 + 36 / block:g} | {judged(ours(model, data, recipe))} | | "

    works: dict[str, Callable[[], str]] = {" | ".join(way.words): partial(of_way, way) for way in WAYS}
    works |= {f"search, power {p:g} | integer": partial(of_search, p) for p in (0.7, 1, 2, 4)}
    works |= {"`hqq` | integer": partial(of_recipe, "minmax", "[hqq]")}
    works |= {"`mse` calibrator | integer": partial(of_recipe, "mse", "[]")}
    for words, work in works.items():
        key = f"| {name} | {words} |"
        yield key, work() if match in key else ""


def in_float(name: str) -> float:
    """What a model has in float: perplexity or accuracy."""
    model, data = subject(name, 0)
    found = answered(model.proto(), fed(model, data.evaluation))
    return [*scores(found, found, data).values()][-1]


def main() -> None:
    """Measures and writes, a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--block", type=int, default=16)
    parser.add_argument("--match", default="", help="rows that contain this")
    given = parser.parse_args()
    real = {name: in_float(name) for name in MODELS}
    head = [
        "# Zero points that are no integers\n",
        f"{describe_machine().cpu}; `python benchmarks/zero_points.py`; int4 in blocks of {given.block}, scales in "
        f"float32; dB at the outputs, and perplexity (float {real['text_lm']:.2f}) or accuracy in per cent (float "
        f"{real['digits_vit']:.2f}). Objective: "
        "the sum of powers over that of moved scales with integer zero points, the least and the largest of all "
        "products.\n",
        "| model | moves | zero point | bits a weight | outputs | with small weights at zero | objective |",
        "|---|---|---|---|---|---|---|",
    ]
    kept = RESULT.read_text().splitlines() if RESULT.exists() else []
    lines: dict[str, str] = {}
    for name in MODELS:
        for key, cells in rows(name, given.block, given.match if name in given.models else "\n"):
            line = f"{key} {cells} |" if cells else next((each for each in kept if each.startswith(key)), "")
            lines[key] = line
            if cells:
                print(line, flush=True)
        RESULT.write_text("\n".join([*head, *(line for line in lines.values() if line)]) + "\n")


if __name__ == "__main__":
    main()
