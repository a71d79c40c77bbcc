"""Comparisons with known numbers, for tests of what is said and drawn of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qexplorer.core.results import Accuracy, Energy, Fidelity, Kernels, Latency, Memory, Run, Size, Status, Throughput
from qexplorer.measure.comparison import Comparison

__all__ = ["BACKEND", "comparison", "float_run", "quantized_run"]

BACKEND = "onnxruntime"


def float_run(backend: str = BACKEND, **changes: Any) -> Run:
    """The float model: 99 of 100 right, 600 kB, 0.2 ms."""
    run = Run(
        recipe="float",
        digest="f" * 16,
        backend=backend,
        status=Status.OK,
        accuracy=Accuracy("accuracy", 0.99, (0.946, 0.998), 100),
        size=Size(610_000, 600_000),
        latency_ms=Latency(0.2, 0.25, 0.4, (0.19, 0.21), 500, 1, 1, True, 1.0, None),
        throughput_per_s=9000.0,
        throughput_by_batch={1: Throughput(5000.0, (4900.0, 5100.0), 90), 8: Throughput(9000.0, n=9, valid=False)},
        memory=Memory(60_000_000),
        energy_mj=Energy(0.6, None, "estimated", "no meter here"),
        fidelity=Fidelity(None, None, None, 0, "is the reference"),
        kernels=Kernels({}, {"FusedConv": 12, "Gemm": 1}),
    )
    return replace(run, **changes)


def quantized_run(recipe: str = "w8a8", backend: str = BACKEND, **changes: Any) -> Run:
    """A quantized model: one broken, none fixed, 150 kB, twice as fast."""
    run = replace(
        float_run(backend),
        recipe=recipe,
        digest=f"{recipe:x<16}"[:16],
        accuracy=Accuracy("accuracy", 0.98, (0.93, 0.994), 100, -0.01, (-0.054, 0.027), 1.0, 0, 1, (4,)),
        size=Size(160_000, 150_000),
        latency_ms=Latency(0.1, 0.12, 0.2, (0.09, 0.11), 900, 1, 1, True, 2.0, (1.9, 2.1)),
        energy_mj=Energy(0.3, None, "estimated", "no meter here"),
        fidelity=Fidelity(1.0, 1.0, False, 100),
        kernels=Kernels({"QLinearConv": 12, "QGemm": 1}, {}),
    )
    return replace(run, **changes)


def comparison(*runs: Run, comparison_id: str = "c1", **changes: Any) -> Comparison:
    """A comparison of these runs, by default float and one quantized, on ten judged samples of two classes."""
    runs = runs or (float_run(), quantized_run())
    labels = (0, 1) * 5
    said = {f"{run.backend}/{run.digest}": labels if run.recipe == "float" else _wrong(labels, 4) for run in runs}
    whole = Comparison(
        id=comparison_id,
        created="2026-01-02T03:04:05+00:00",
        model={"name": "net", "sha256": "0" * 64},
        data={"name": "points", "digest": "d", "n_judged": 10, "classes": ["left", "right"], "notes": []},
        machine={"cpu": "A CPU"},
        runs=runs,
        recipes={run.digest: f"name: {run.recipe}\n" for run in runs},
        positions=tuple(range(10)),
        labels=labels,
        predictions=said,
    )
    return replace(whole, **changes)


def _wrong(labels: tuple[int, ...], place: int) -> tuple[int, ...]:
    return tuple(1 - label if i == place else label for i, label in enumerate(labels))
