"""Several of onnx's node cases as one graph, for a backend that takes seconds for each graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import compose, helper

__all__ = ["Found", "in_one_graph"]

Found = dict[str, list[np.ndarray[Any, Any]]]


def in_one_graph(
    cases: Mapping[str, Any],
    path: Path,
    opset: int,
    run: Callable[[Path, dict[str, Any]], list[np.ndarray[Any, Any]]],
    array: Callable[[Any], np.ndarray[Any, Any]],
) -> Found:
    """The answers of ``cases``, side by side in one graph that is written to ``path``.

    Args:
        cases: by name; what their operators mean is the same in ``opset``.
        path: of the file.
        opset: of the graph.
        run: answers a file for the values of its inputs.
        array: makes an array of a test value.
    """
    parts = [compose.add_prefix_graph(case.model.graph, f"{name}/") for name, case in cases.items()]
    joined = helper.make_graph(
        [node for part in parts for node in part.node],
        "cases",
        [value for part in parts for value in part.input],
        [value for part in parts for value in part.output],
        [value for part in parts for value in part.initializer],
    )
    ir = min(onnx.IR_VERSION, 11)
    onnx.save(helper.make_model(joined, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir), str(path))
    given = [value for case in cases.values() for value in case.data_sets[0][0]]
    answers = iter(run(path, dict(zip([value.name for value in joined.input], map(array, given), strict=True))))
    return {name: [next(answers) for _ in case.model.graph.output] for name, case in cases.items()}
