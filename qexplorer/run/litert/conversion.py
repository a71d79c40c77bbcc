"""From an ONNX file to a .tflite file with what has to be known to run it: the work of a child process."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError, QExplorerError
from qexplorer.core.files import write_atomically, write_sealed
from qexplorer.core.workspace import sha256_bytes
from qexplorer.run.litert.rewrite.graph import Rewritten, rewritten
from qexplorer.run.litert.tflite_edit import edited
from qexplorer.run.litert.tflite_file import free_batch, weight_key

if TYPE_CHECKING:
    import onnx

    from qexplorer.torchgraph.executor import GraphModule

__all__ = ["FACTS", "MODEL", "convert"]

MODEL, FACTS = "model.tflite", "facts.json"
_SEVERAL = 3  # samples that show whether a file converted for one sample serves any batch
_LONGEST = 240  # characters of a converter's message
_PLACE = re.compile(r"\S*/\S+?(?::\d+)*: ?(?:error: )?")  # a line of a source file, in front of a message
_SAME = 1e-4  # of the range: float kernels may sum in another order at another batch
_GATE = 0.05  # of the range: steps of a grid that add up, as the gate allows


def convert(arguments: dict[str, Any], emit: object = None) -> None:  # noqa: ARG001  (the signature of a child's work)
    """Writes ``model.tflite`` and, last, ``facts.json``.

    Args:
        arguments: ``path`` of the ONNX file, ``shapes`` of the inputs by name, ``folder`` to write into, ``free``
            (whether the first axis of every input is a free batch, given as 1).
        emit: not used.

    Raises:
        BackendError: an operator or a type that the way to LiteRT does not have, named.
    """
    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    try:
        content, facts = _converted(path, arguments["shapes"], bool(arguments["free"]))
    except QExplorerError as error:
        what = f"it cannot be converted for LiteRT ({error.what})"
        raise BackendError(what, where=path.name, allowed=error.allowed, do="choose onnxruntime") from None
    except Exception as error:  # torch and the converter raise what they like
        raise BackendError(f"it cannot be converted for LiteRT ({_sentence(error)})", where=path.name) from None
    write_atomically(folder / MODEL, content)
    write_sealed(folder / FACTS, json.dumps(facts | {"sha256": sha256_bytes(content)}).encode())


def _converted(path: Path, shapes: Mapping[str, Sequence[int]], free: bool) -> tuple[bytes, dict[str, Any]]:
    import onnx

    import qexplorer.run.litert.nodes  # noqa: F401  (torchgraph learns LiteRT's nodes)
    from qexplorer.run.litert.to_tflite import to_tflite
    from qexplorer.torchgraph.executor import GraphModule

    model = onnx.load(str(path))
    new = rewritten(model)
    _refuse_float8(new.model)
    module = GraphModule(new.model)
    feeds = {name: _probe(model, name, shapes[name]) for name in module.input_names}
    names = [f"output_{index}" for index in range(len(module.output_names))]
    content = to_tflite(module, _tensors(feeds, module), names)
    content = edited(content, narrow=new.narrow > 0, dynamic=_keys(new))
    batch_free = False
    if free:
        changed = free_batch(content)
        batch_free = _serves_any_batch(changed, module, model, shapes)
        content = changed if batch_free else content
    facts = {
        "inputs": list(module.input_names),
        "batch_free": batch_free,
        "codes_out": {str(position): asdict(grid) for position, grid in new.codes_out.items()},
        "differences": list(new.differences),
    }
    return content, facts


def _keys(new: Rewritten) -> set[str]:
    """What the weights of dynamic layers can be told by in the file."""
    from onnx import helper, numpy_helper

    constants = {item.name: item for item in new.model.graph.initializer}
    found = set()
    for node in new.model.graph.node:
        if node.output[0] in new.dynamic:
            settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            values, scales = numpy_helper.to_array(constants[node.input[0]]), np.asarray(settings["scales"], np.float32)
            spread = [-1 if axis == settings["axis"] else 1 for axis in range(values.ndim)]
            steps = scales.reshape(spread) if settings["axis"] >= 0 else scales
            found.add(weight_key(np.rint(values / steps), scales))
    return found


def _probe(model: onnx.ModelProto, name: str, shape: Sequence[int]) -> Array:
    """Values to look at a graph with: normal for floats, 0 and 1 for anything else (class numbers, truth values)."""
    import torch

    from qexplorer.torchgraph.dtypes import torch_dtype

    kind = next(item.type.tensor_type.elem_type for item in model.graph.input if item.name == name)
    dtype = torch_dtype(kind)
    if dtype.is_floating_point and dtype.itemsize < 4:  # computed in float32
        dtype = torch.float32
    random = np.random.default_rng(0)
    values = random.normal(size=shape) if dtype.is_floating_point else random.integers(0, 2, shape)
    found: Array = torch.from_numpy(np.asarray(values)).to(dtype).numpy()
    return found


def _tensors(feeds: Mapping[str, Array], module: GraphModule) -> list[Any]:
    import torch

    return [torch.from_numpy(feeds[name]) for name in module.input_names]


def _serves_any_batch(
    content: bytes, module: GraphModule, model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]
) -> bool:
    """Whether the file, its inputs resized, answers every sample as it does alone, and so does the graph."""
    import torch

    from qexplorer.run.litert.interpreter import PreparedInterpreter

    feeds = {name: _probe(model, name, (_SEVERAL, *shapes[name][1:])) for name in module.input_names}
    try:
        with torch.no_grad():
            expected = [value.numpy() for value in module(*_tensors(feeds, module))]
        together = PreparedInterpreter(content, module.input_names, feeds, threads=1).run(feeds)
        alone = PreparedInterpreter(content, module.input_names, {n: f[:1] for n, f in feeds.items()}, threads=1)
        single = [alone.run({name: feed[i : i + 1] for name, feed in feeds.items()}) for i in range(_SEVERAL)]
    except Exception:  # a shape that is written into the file: it is converted for each batch
        return False
    if any(value.shape[:1] != (_SEVERAL,) for value in expected):
        return False
    rows = [np.concatenate(parts) for parts in zip(*single, strict=True)]
    return all(
        a.shape == b.shape == c.shape and _near(a, b, _SAME) and _near(a, c, _GATE)
        for a, b, c in zip(together, rows, expected, strict=True)
    )


def _near(a: Array, b: Array, share: float) -> bool:
    """Whether two answers differ by no more than a share of their range."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    finite = y[np.isfinite(y)]
    width = float(np.ptp(finite)) if finite.size else 0.0
    return bool(np.allclose(x, y, rtol=0, atol=share * (width or 1.0), equal_nan=True))


def _refuse_float8(model: onnx.ModelProto) -> None:
    """Says which node makes 8-bit floats while the model runs; weights of that type are decoded by now."""
    from qexplorer.graph.index import label_of
    from qexplorer.graph.narrow_floats import float8_made

    for node in model.graph.node:
        made = float8_made(node)
        if made is not None:
            raise BackendError(
                f"LiteRT has no tensors of {made.name}, which '{label_of(node)}' rounds activations to",
                allowed="integers, pot and log, or activations in float",
            )


def _sentence(error: Exception) -> str:
    """What the converter is missing, from its long message, without places in source files."""
    text = str(error)
    dtype = re.match(r"'?torch\.(\w+)", text)
    if dtype:
        return f"LiteRT has no tensors of {dtype[1]}"
    lowering = re.search(r"Lowering not found: (?:aten\.)?(\w+)", text)
    if lowering:
        return f"the converter has nothing for PyTorch's operator {lowering[1]}"
    operator = re.search(r"failed to legalize operation '(?:\w+\.)?(\w+)'", text)
    if operator:
        types = sorted(set(re.findall(r"x?([a-z]+\d+)>", text.split(operator[0], 1)[1].split("\n")[0])))
        return f"LiteRT has no {operator[1].upper()} on {', '.join(types) or 'these types'}"
    refused = re.search(r"error: '(?:\w+\.)?(\w+)' op (.*)", text)
    if refused:
        return f"LiteRT's {refused[1].upper()} does not take it: {refused[2]}"[:_LONGEST].rstrip(" .:,")
    at_work = re.search(r"While executing .*target=torch\.ops\.\w+\.(\w+)", text)
    if at_work and isinstance(error, (AttributeError, LookupError, TypeError)):  # a fault of its own, told to nobody
        return f"the converter fails at PyTorch's operator {at_work[1]}"
    lines = [_PLACE.sub("", line).strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:_LONGEST].rstrip(" .:,")
