"""Does a written file open? It is opened and run once with ONNX Runtime's own settings before it is called done.

Where it is not, the layer that the message names goes back to float, or, where it names none, the one that a search by
halves finds. Graphs of kinds on which ONNX Runtime was seen to crash (recurrences, operators of other domains, half
precision, graphs inside nodes) are opened in a child process, by a child too: the crash would end what it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.errors import ChildError
from qexplorer.core.model import read_proto
from qexplorer.graph.allowance import allowance_at
from qexplorer.graph.runtime_errors import runtime_sentence
from qexplorer.graph.walk import all_nodes, subgraphs
from qexplorer.process.parent import run_in_child

if TYPE_CHECKING:
    import onnx

__all__ = ["named_layers", "open_in_child", "problem_of", "search"]

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_QUOTED = re.compile(r"'([^']+)'|\(([^()\s]+)\)")
_CRASHED = "ONNX Runtime crashes on it"


def problem_of(path: Path, given: Path) -> str | None:
    """Why the file at ``path`` cannot be used, one line, or None.

    Args:
        path: the quantized file.
        given: the float file. Made-up inputs on which that one does not run either, or gives what is not finite, say
            nothing about the other.
    """
    arguments = {"path": str(path), "given": str(given)}
    if not _may_crash(read_proto(str(path))):
        return open_in_child(arguments)
    try:
        found: str | None = run_in_child(
            "qexplorer.quantize.opening:open_in_child", arguments, limits=allowance_at(path)
        )
    except ChildError:
        return _CRASHED
    return found


def open_in_child(arguments: dict[str, Any], emit: Callable[[dict[str, Any]], None] | None = None) -> str | None:  # noqa: ARG001
    """Opens ``path`` and runs it on random inputs; ``given`` judges whether those are to blame where that fails."""
    from qexplorer.load.normal.verify import random_inputs

    try:
        session = _session(arguments["path"])
    except Exception as error:  # its exceptions share no base class but Exception
        return runtime_sentence(error)
    names = [output.name for output in session.get_outputs()]
    problem: str | None = None
    for feeds in random_inputs(session.get_inputs()):
        try:
            problem = _not_finite(names, session.run(None, feeds))
        except Exception as error:  # its exceptions share no base class but Exception
            problem = runtime_sentence(error)
        if problem is None:
            return None
        try:
            wanted = _session(arguments["given"]).run(None, feeds)
        except Exception:  # noqa: S112 - made-up inputs that the float file does not take say nothing
            continue
        return problem if _not_finite(names, wanted) is None else None
    return None


def _not_finite(names: Sequence[str], values: Sequence[Any]) -> str | None:
    import numpy as np

    for name, value in zip(names, values, strict=True):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
            return f"the output '{name}' is not finite, and in float it is"
    return None


def named_layers(problem: str, layers: Iterable[str]) -> list[str]:
    """Those of ``layers`` whose names stand in ONNX Runtime's message."""
    words = {word for pair in _QUOTED.findall(problem) for word in pair if word}
    return [name for name in layers if name in words]


def search(candidates: Sequence[str], loads: Callable[[Sequence[str]], bool]) -> str | None:
    """The last layer of the shortest beginning of ``candidates`` that makes the file load when kept in float.

    None if it does not load even with all of them in float.
    """
    if not candidates or not loads(candidates):
        return None
    low, high = 0, len(candidates)  # with `low` of them it fails, with `high` of them it loads
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if loads(candidates[:middle]) else (middle, high)
    return candidates[high - 1]


def _session(path: str) -> Any:
    """A session with ONNX Runtime's own settings, on one thread and without a word."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _may_crash(proto: onnx.ModelProto) -> bool:
    half = any(item.data_type in (10, 16) for item in proto.graph.initializer)  # FLOAT16, BFLOAT16
    return half or any(n.op_type in _RECURRENT or n.domain or any(subgraphs(n)) for n in all_nodes(proto))
