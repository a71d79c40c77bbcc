"""Whether two forms of a model compute the same, found by running both in ONNX Runtime on random inputs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from qexplorer.graph.walk import all_nodes

__all__ = ["Outcome", "compare_models", "random_inputs"]

_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
)
_SIZES = (4, 32, 224)  # tried in turn for free dimensions other than the batch
_RELATIVE = 1e-3  # of the largest output; folding and reordering of float32 sums stay well below
_RUN_S = 20.0
_MAX_INPUT_VALUES = 2**26
_OUT_OF_MEMORY = ("bad_alloc", "failed to allocate", "bad allocation", "memoryerror", "bfcarena", "allocateraw")

Feeds = dict[str, NDArray[Any]]


class Outcome(Enum):
    """What became of the comparison."""

    SAME = "same"
    DIFFERS = "differs"
    NOT_RUN = "could not be run on made-up inputs"
    NEW_FAILS = "the new form fails where the original works"
    ORIGINAL_FAILS = "the original cannot be loaded"
    TOO_LARGE = "runs out of memory"


class _Failed(Exception):
    """ONNX Runtime gave up; the text is its reason on one line."""


def compare_models(original: onnx.ModelProto, new: onnx.ModelProto) -> tuple[Outcome, str]:
    """Runs both on the same random inputs; returns the outcome and its reason."""
    if any(node.op_type in _RANDOM for node in all_nodes(new)):
        return _compare_loading(original, new)
    try:
        first = _session(original)
    except _Failed as error:
        return _reason(Outcome.ORIGINAL_FAILS, error)
    wanted: list[NDArray[Any]] | None = None
    feeds: Feeds = {}
    why = "its inputs have no known shape"
    for feeds in random_inputs(first.get_inputs()):
        try:
            wanted = _run(first, feeds)
            break
        except _Failed as error:
            why = str(error)
            if _out_of_memory(why):
                return Outcome.TOO_LARGE, why
    del first
    try:
        second = _session(new)
        if wanted is None:
            return Outcome.NOT_RUN, why
        found = _run(second, feeds)
    except _Failed as error:
        return _reason(Outcome.NEW_FAILS, error)
    worst = max((_difference(a, b) for a, b in zip(wanted, found, strict=True)), default=0.0)
    del second
    if why := _fails_by_default(original, new):
        return Outcome.NEW_FAILS, why
    return (Outcome.SAME, "") if worst <= _RELATIVE else (Outcome.DIFFERS, f"by {worst:.2g} of the largest output")


def _fails_by_default(original: onnx.ModelProto, new: onnx.ModelProto) -> str:
    """Why a quantized graph fails with all optimizations where the original loads, empty if it does not.

    ONNX Runtime 1.31 moves a signed DequantizeLinear through a Transpose and writes what it cannot load in opset 21.
    """
    if not any(node.op_type == "DequantizeLinear" for node in all_nodes(new)):
        return ""
    try:
        _session(new, everything=True)
    except _Failed as error:
        try:
            _session(original, everything=True)
        except _Failed:
            return ""
        return str(error)
    return ""


def _compare_loading(original: onnx.ModelProto, new: onnx.ModelProto) -> tuple[Outcome, str]:
    """For models that draw random numbers: both must at least load."""
    for proto, outcome in ((original, Outcome.ORIGINAL_FAILS), (new, Outcome.NEW_FAILS)):
        try:
            _session(proto)
        except _Failed as error:
            return _reason(outcome, error)
    return Outcome.NOT_RUN, "it draws random numbers"


def _reason(outcome: Outcome, error: _Failed) -> tuple[Outcome, str]:
    return (Outcome.TOO_LARGE if _out_of_memory(str(error)) else outcome), str(error)


def _out_of_memory(reason: str) -> bool:
    return any(words in reason.lower() for words in _OUT_OF_MEMORY)


def _session(proto: onnx.ModelProto, *, everything: bool = False) -> Any:
    """A session on one thread; with no optimization that hides a difference or takes long, or with ``everything``."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not everything:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        return ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exception classes are not public
        raise _Failed(_one_line(error)) from None


def _run(session: Any, feeds: Feeds) -> list[NDArray[Any]]:
    """Outputs, or _Failed; a run that does not end is stopped."""
    import onnxruntime as ort

    options = ort.RunOptions()
    options.log_severity_level = 4
    timer = threading.Timer(_RUN_S, lambda: setattr(options, "terminate", True))
    timer.start()
    try:
        outputs: list[NDArray[Any]] = session.run(None, feeds, options)
        return outputs
    except Exception as error:
        raise _Failed(_one_line(error)) from None
    finally:
        timer.cancel()


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rpartition(" : ")[2][:200] if text.startswith("[ONNXRuntimeError]") else text[:200]


def random_inputs(ports: list[Any]) -> Iterator[Feeds]:
    """Feeds to try in turn: batch 1, other free dimensions of a few sizes. ``ports`` are ONNX Runtime's NodeArgs."""
    free = any(not isinstance(d, int) for port in ports for d in port.shape[1:])
    for size in _SIZES if free else _SIZES[:1]:
        shapes = {
            p.name: [d if isinstance(d, int) else (1 if i == 0 else size) for i, d in enumerate(p.shape)] for p in ports
        }
        if sum(int(np.prod(shape)) for shape in shapes.values()) > _MAX_INPUT_VALUES:
            return
        generator = np.random.default_rng(0)
        feeds = {p.name: _random(p.type, shapes[p.name], generator) for p in ports}
        if any(value is None for value in feeds.values()):
            return
        yield {name: value for name, value in feeds.items() if value is not None}


def _random(kind: str, shape: list[int], generator: np.random.Generator) -> NDArray[Any] | None:
    """Values of an ONNX Runtime type such as ``tensor(float)``; small whole numbers, because they may be indices."""
    inner = kind.removeprefix("tensor(").removesuffix(")")
    if inner in ("float", "double", "float16"):
        return generator.standard_normal(shape).astype({"float": "float32", "double": "float64"}.get(inner, inner))
    if inner == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if inner.lstrip("u").startswith("int"):
        return generator.integers(0, 2, shape).astype(inner)
    return None


def _difference(a: Any, b: Any) -> float:
    """Largest difference relative to the largest value; infinite where shapes or types differ."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return 0.0 if type(a) is type(b) else float("inf")
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf")
    if a.dtype.kind not in "fiub" or not a.size:
        return 0.0 if np.array_equal(a, b) else float("inf")
    x, y = a.astype(np.float64), b.astype(np.float64)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.where(same, 0.0, x - y)).max()
    finite = np.abs(x[np.isfinite(x)])
    return float(gap / max(finite.max() if finite.size else 0.0, 1e-6)) if np.isfinite(gap) else float("inf")
