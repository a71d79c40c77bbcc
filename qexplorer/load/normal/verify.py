"""Whether two forms of a model compute the same, found by running both in ONNX Runtime on random inputs."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from qexplorer.graph.draws import DRAWS
from qexplorer.graph.runtime_errors import runtime_sentence
from qexplorer.graph.walk import all_nodes
from qexplorer.load.batch_axes import batch_names

__all__ = ["Outcome", "broken_rule", "compare_models", "random_inputs"]

_SIZES = (4, 32, 224)  # tried in turn for free dimensions other than the batch
_RELATIVE = 1e-3  # of the largest output; folding and reordering of float32 sums stay well below
_DEAD = 1e-6  # an output that stays below it on all inputs is what rounding left of 0
_FURTHER = ((0.05, False), (20.0, False), (-20.0, False), (1.0, True))  # factors, and whether all are above 0
_MORE_S = 2.0  # for all further runs
_RUN_S = 6.0
_ENDED = "it does not end within "
_MAX_INPUT_VALUES = 2**26
_RUNNING = re.compile(r"while running (\w+) node\. Name:'([^']*)'")
_BROKEN_SHAPE = re.compile(r"Node \((.*?)\) Op \((\w+)\) \[(?:Shape|Type)InferenceError\] (.*)")
_BROKEN_TYPE = re.compile(
    r"Type '(.*?)' of input parameter \((.*?)\) of operator \((\w+)\) in node \((.*?)\) is invalid"
)
_OUT_OF_MEMORY = ("bad_alloc", "failed to allocate", "bad allocation", "memoryerror", "bfcarena", "allocateraw")

Feeds = dict[str, NDArray[Any]]
Outputs = list[NDArray[Any]]


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
    """Runs both on the same random inputs, large and small ones; returns the outcome and its reason.

    Inputs of one size say little of a model whose answers are all but constant there (a ReLU that is shut, a Softmax
    that is sure), so an output is judged by the largest value that it took on any of them.
    """
    if any(node.op_type in DRAWS for node in all_nodes(new)):
        return _compare_loading(original, new)
    try:
        first = _session(original)
    except _Failed as error:
        return _reason(Outcome.ORIGINAL_FAILS, error)
    fed, wanted, why = _answered(first)
    if _out_of_memory(why):
        return Outcome.TOO_LARGE, why
    if wanted is not None:
        fed, wanted = _more(first, fed, wanted)
    del first
    try:
        second = _session(new)
        if wanted is None:
            return Outcome.NOT_RUN, why
        found = [_run(second, feeds) for feeds in fed]
    except _Failed as error:
        return _reason(Outcome.NEW_FAILS, error)
    del second
    if why := _fails_by_default(original, new):
        return Outcome.NEW_FAILS, why
    if all(_largest(output) < _DEAD for outputs in wanted for output in outputs):
        return Outcome.NOT_RUN, "its answers are all but 0 on made-up inputs"
    worst = max((_worst(a, b) for a, b in zip(_by_output(wanted), _by_output(found), strict=True)), default=0.0)
    return (Outcome.SAME, "") if worst <= _RELATIVE else (Outcome.DIFFERS, f"by {worst:.2g} of the largest output")


def _answered(session: Any) -> tuple[list[Feeds], list[Outputs] | None, str]:
    """The first made-up inputs that the model takes, its outputs for them, or why there are none."""
    why = "its inputs have no known shape"
    for feeds in random_inputs(session.get_inputs()):
        try:
            return [feeds], [_run(session, feeds)], ""
        except _Failed as error:
            why = str(error)
            if _out_of_memory(why) or why.startswith(_ENDED):
                break
    return [], None, why


def _more(session: Any, fed: list[Feeds], wanted: list[Outputs]) -> tuple[list[Feeds], list[Outputs]]:
    """Further inputs of the same shapes that the model takes within the time: smaller, larger, turned over, above 0."""
    begin = time.perf_counter()
    for scaled in (_scaled(fed[0], factor, above=above) for factor, above in _FURTHER):
        if scaled is None or time.perf_counter() - begin > _MORE_S:
            break
        try:
            answer = _run(session, scaled)
        except _Failed:
            continue
        if not all(_finite(output) for output in answer):
            continue
        fed, wanted = [*fed, scaled], [*wanted, answer]
    return fed, wanted


def _scaled(feeds: Feeds, factor: float, *, above: bool) -> Feeds | None:
    """``feeds`` with floats times ``factor``, all above 0 if so asked; None if there are none."""
    if not any(array.dtype.kind == "f" for array in feeds.values()):
        return None
    return {
        name: ((np.abs(array) if above else array) * factor).astype(array.dtype) if array.dtype.kind == "f" else array
        for name, array in feeds.items()
    }


def _finite(output: Any) -> bool:
    return not isinstance(output, np.ndarray) or output.dtype.kind != "f" or bool(np.isfinite(output).all())


def _by_output(runs: list[Outputs]) -> list[tuple[Any, ...]]:
    """What each output was in each run."""
    return list(zip(*runs, strict=True))


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


def broken_rule(reason: str) -> str | None:
    """Which node breaks the rules of its operator, where that is why ONNX Runtime cannot load a model; else None.

    It infers types and shapes by ONNX's own functions, so that no runtime would take the node. What it says of a call
    of a function is left out: it does not infer all that a body may hold.
    """
    if "Inference error(s)" in reason:
        return None
    if found := _BROKEN_SHAPE.search(reason):
        name, op, what = found[1], found[2], found[3].rstrip(" .").replace(". ", "; ")
    elif found := _BROKEN_TYPE.search(reason):
        name, op, what = found[4], found[3], f"its input '{found[2]}' may not be a {found[1]}"
    else:
        return None
    return f"the node '{name}' ({op}) breaks the rules of its operator ({what})"


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
    ended = threading.Event()

    def end() -> None:
        ended.set()
        options.terminate = True

    timer = threading.Timer(_RUN_S, end)
    timer.start()
    try:
        outputs: list[NDArray[Any]] = session.run(None, feeds, options)
        return outputs
    except Exception as error:
        raise _Failed(f"{_ENDED}{_RUN_S:.0f} s" if ended.is_set() else _one_line(error)) from None
    finally:
        timer.cancel()


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    running = _RUNNING.findall(text)
    if running and not _out_of_memory(text):  # nested in If and Loop, the innermost comes last
        return f"its {running[-1][0]} '{running[-1][1]}' cannot take them"
    return runtime_sentence(error)[:200]


def random_inputs(ports: list[Any]) -> Iterator[Feeds]:
    """Feeds to try in turn: batch 1, other free dimensions of a few sizes. ``ports`` are ONNX Runtime's NodeArgs."""
    batch = batch_names([port.shape for port in ports])
    free = any(not isinstance(d, int) and d not in batch for port in ports for d in port.shape[1:])
    for size in _SIZES if free else _SIZES[:1]:
        shapes = {
            p.name: [d if isinstance(d, int) else (1 if i == 0 or d in batch else size) for i, d in enumerate(p.shape)]
            for p in ports
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


def _worst(wanted: tuple[Any, ...], found: tuple[Any, ...]) -> float:
    """The largest difference of one output over all runs, relative to the largest value that it took in any."""
    largest = max((_largest(each) for each in wanted), default=0.0)
    gaps = [_difference(a, b, largest) for a, b in zip(wanted, found, strict=True)]
    chosen = not isinstance(wanted[0], np.ndarray) or wanted[0].dtype.kind != "f" or wanted[0].shape != found[0].shape
    # what is chosen by comparing (a class, the boxes kept) may flip with the last bit of one sum: one run must agree
    return min(gaps) if chosen else max(gaps)


def _largest(value: Any) -> float:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not value.size:
        return 0.0
    finite = np.abs(value[np.isfinite(value)].astype(np.float64))
    return float(finite.max()) if finite.size else 0.0


def _difference(a: Any, b: Any, largest: float) -> float:
    """Largest difference relative to ``largest``; infinite where shapes or types differ."""
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
    if largest < _DEAD:
        return 0.0 if gap < _DEAD else float("inf")
    return float(gap / largest) if np.isfinite(gap) else float("inf")
