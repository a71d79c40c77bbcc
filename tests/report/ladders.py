"""A ladder and a saturation report with known numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qexplorer.core.results import Accuracy, Status
from qexplorer.measure.arithmetic.saturation_types import ExactSwitch, LayerArithmetic, ReducedRange, SaturationReport
from qexplorer.measure.fidelity.alone import PointDifference
from qexplorer.measure.ladder.ladder_types import BackendRung, BatchGap, Ladder, LayerError, SimulatedRung

__all__ = ["gap", "ladder", "layer", "point", "report", "rung"]


def gap(batch: int = 32, **changes: Any) -> BatchGap:
    """One batch size at which 97 of 100 values are equal."""
    return replace(BatchGap(batch, 100, 1.0, 1.0, None, 0.97, 1.0, exact=False), **changes)


def point(layer_name: str, steps: float = 0.0, alone: float = 0.0) -> PointDifference:
    """A rounding point."""
    return PointDifference(f"{layer_name}/out", layer_name, "Conv", steps, 0.25 * bool(steps), 0.0, alone, 0.0, 1)


def rung(backend: str = "onnxruntime", **changes: Any) -> BackendRung:
    """A right backend on two batch sizes whose codes part at the second of three layers."""
    points = (point("a"), point("b", 1, 1), point("c", 2, 1))
    whole = BackendRung(backend, f"The {backend}", Status.OK, None, (gap(32), gap(1, n=16)), points, 3, 32)
    return replace(whole, **changes)


def ladder(*rungs: BackendRung) -> Ladder:
    """A ladder of three layers."""
    layers = tuple(LayerError(n, "Conv", n, db, 0.01, 2.0) for n, db in (("a", 40.0), ("b", 31.0), ("c", 29.0)))
    simulated = SimulatedRung(100, 0.98, 30.0, 0.0316, layers, 64)
    return Ladder("d" * 16, "net", "w8a8", "points", 100, simulated, rungs or (rung(),))


def layer(name: str, **changes: Any) -> LayerArithmetic:
    """A layer at risk that saturates on samples."""
    whole = LayerArithmetic(name, "Conv", 64000, 0.2, None, 0.001, 900, 2**20, 22, 2**17, 19, 12, None)
    return replace(whole, **changes)


def report(**changes: Any) -> SaturationReport:
    """Three layers: one saturates, one could, one is depthwise."""
    layers = (
        layer("a"),
        layer("b", saturated=0.0, worst_change=0),
        layer("c", exact_because="depthwise: its kernel widens", risky_pairs=0.0, saturated=0.0),
    )
    exact = Accuracy("accuracy", 0.985, (0.95, 0.99), 200)
    worse = replace(exact, value=0.965, delta=-0.02, flipped=(3, 5, 7, 9))
    whole = SaturationReport(
        digest="d" * 16,
        recipe="w8a8",
        n=200,
        layers=layers,
        left_out=(("odd", "its input is no tensor of codes"),),
        exact=exact,
        saturating=worse,
        changed=4,
        worst_steps=41.0,
        reduced=ReducedRange("w7a8", "name: w7a8\nweights: {format: int7}\n", 0, exact, 42_000),
        switch=ExactSwitch(0.1, 0.2, 2.0, (1.9, 2.1), 15, 1, same=True),
        this_machine=False,
        features=("avx2", "avx512_vnni"),
        seconds=1.5,
    )
    return replace(whole, **changes)
