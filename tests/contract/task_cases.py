"""For each task a tiny model and data for it, as a person would bring them: an .onnx and an .npz."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["CASES", "Case", "N", "write"]

N = 60
Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Case:
    """What a task is tried on.

    Attributes:
        features: shape of one sample.
        nodes: of the graph, from ``x`` to ``y`` (and ``z``).
        weights: shapes by name.
        outputs: shapes of a sample's outputs.
        labels: makes labels of the inputs; None for a task without.
        metrics: names of the metrics that must have a value there.
        named: what the file names as its task; None where its labels, or that there are none, mean it.
    """

    features: tuple[int, ...]
    nodes: tuple[onnx.NodeProto, ...]
    weights: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    labels: Callable[[np.random.Generator], np.ndarray[Any, Any]] | None
    metrics: tuple[str, ...]
    named: str | None = None


def _linear(name: str, *, output: str = "y") -> onnx.NodeProto:
    return helper.make_node("MatMul", ["x", name], [output], f"linear_{name}")


CASES: dict[str, Case] = {
    "classification": Case(
        (6,),
        (_linear("w"),),
        {"w": (6, 7)},
        {"y": (7,)},
        lambda rng: rng.integers(0, 7, N),
        ("accuracy", "top5_accuracy", "balanced_accuracy"),
    ),
    "regression": Case(
        (6,), (_linear("w"),), {"w": (6, 1)}, {"y": (1,)}, lambda rng: rng.standard_normal(N), ("rmse", "r2")
    ),
    "segmentation": Case(
        (2, 8, 8),
        (helper.make_node("Conv", ["x", "w"], ["y"], "conv", pads=[1] * 4),),
        {"w": (3, 2, 3, 3)},
        {"y": (3, 8, 8)},
        lambda rng: rng.choice([0, 1, 2, 255], (N, 8, 8)),
        ("miou",),
    ),
    "sequences": Case(
        (5, 6),
        (_linear("w"),),
        {"w": (6, 9)},
        {"y": (5, 9)},
        lambda rng: rng.choice([-100, *range(9)], (N, 5)),
        ("perplexity", "token_accuracy"),
    ),
    "similarity": Case(
        (6,),
        (_linear("w"), _linear("v", output="z")),
        {"w": (6, 1), "v": (6, 4)},
        {"y": (1,), "z": (4,)},
        None,
        ("sqnr", "cosine", "worst_output_sqnr"),
    ),
    "agreement": Case(
        (6,),
        (_linear("w"), _linear("v", output="z")),
        {"w": (6, 4), "v": (6, 4)},
        {"y": (4,), "z": (4,)},
        None,
        ("agreement", "sqnr", "cosine", "worst_output_sqnr"),
        named="agreement",
    ),
}


def write(case: Case, folder: Path, **extra: Any) -> tuple[Path, Path]:
    """The model's file and the data's; ``extra`` arrays go into the .npz as well."""
    rng = np.random.default_rng(5)
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in case.weights.items()
    ]
    graph = helper.make_graph(
        list(case.nodes),
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *case.features])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape]) for name, shape in case.outputs.items()],
        weights,
    )
    model, data = folder / "tiny.onnx", folder / "tiny.npz"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(model))
    arrays: Arrays = {"x": rng.standard_normal((N, *case.features)).astype(np.float32)}
    if case.labels is not None:
        arrays["y"] = case.labels(rng)
    if case.named is not None:
        arrays["task"] = np.array(case.named)
    np.savez(data, **arrays | extra)  # type: ignore[arg-type]
    return model, data
