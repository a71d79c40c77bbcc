"""An ONNX file as OpenVINO reads it: what it takes, what it gives, which float it wants, and its error messages."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError

if TYPE_CHECKING:
    import openvino

__all__ = [
    "check_feeds",
    "fixed_shapes",
    "half_precision",
    "import_openvino",
    "output_names",
    "read_graph",
    "sentence",
]

_SINK = re.compile(r"/sink_port_\d+$")
_HALVES = ("f16", "bf16")
_MULTIPLIES = {
    *("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul"),
}
_NOISE = re.compile(
    r"Exception from \S+:\d+:|Check '.*?' failed at \S+:\d+:|FrontEnd API failed with \w+:|While validating .*?:(?= )"
)
_NODE = re.compile(r"While validating ONNX node '<Node\((\w+)\): (.*?)>':(.*?)(?=\n-- |\n\s*Summary:|$)", re.DOTALL)
_REWRITING = re.compile(
    r"\[(\w+)\] END: node: \S+ \S+ \(\S+ (\S+?)(?:/DequantizeLinear)?\[\d+\].*CALLBACK HAS THROWN:(.*)", re.DOTALL
)


def import_openvino() -> Any:
    """The package, imported without its telemetry, which would write an identity and send.

    Nothing else in this program imports it: whoever comes first decides whether telemetry is let in.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino
    import openvino.frontend

    return openvino


def read_graph(path: Path) -> openvino.Model:
    """Reads the ONNX file at ``path``, as ONNX and nothing else (OpenVINO would try its other formats too).

    Raises:
        BackendError: it is missing, no ONNX model, or has operators that OpenVINO does not convert.
    """
    if not path.is_file():
        raise BackendError("there is no such file", where=path.name)
    frontend = import_openvino().frontend.FrontEndManager().load_by_framework("onnx")
    if not frontend.supported(str(path)):
        raise BackendError("OpenVINO cannot load it (it is no ONNX model)", where=path.name)
    try:
        return frontend.convert(frontend.load(str(path)))
    except Exception as error:  # its exceptions share no base class but Exception
        what = sentence(error).replace(str(path), path.name)
        raise BackendError(f"OpenVINO cannot load it ({what})", where=path.name, do="choose onnxruntime") from None


def output_names(model: openvino.Model) -> tuple[str, ...]:
    """Names of the outputs, in the file's order.

    A tensor can have several names by now; the node that ends the graph is still called after the one in the file.
    """
    found = []
    for port, result in zip(model.outputs, model.get_results(), strict=True):
        name = _SINK.sub("", result.get_friendly_name())
        found.append(name if name in port.get_names() else port.get_any_name())
    return tuple(found)


def check_feeds(model: openvino.Model, feeds: Mapping[str, Array], where: str) -> None:
    """Raises BackendError if ``feeds`` are not what ``model`` takes: OpenVINO would convert or ignore some of that."""
    wanted = {port.get_any_name(): port for port in model.inputs}
    if set(wanted) != set(feeds):
        names = ", ".join(f"'{name}'" for name in wanted)
        raise BackendError(f"the inputs given are {sorted(feeds)}", where=where, allowed=names)
    for name, port in wanted.items():
        array, dtype = feeds[name], port.get_element_type().to_dtype()
        if array.dtype != dtype:
            raise BackendError(f"the input '{name}' is of type {array.dtype}", where=where, allowed=str(dtype))
        shape = import_openvino().PartialShape(list(array.shape))
        if not port.partial_shape.compatible(shape):
            allowed = str(port.partial_shape)
            raise BackendError(f"the input '{name}' has the shape {array.shape}", where=where, allowed=allowed)


def fixed_shapes(model: openvino.Model, shapes: Sequence[Sequence[int]]) -> openvino.Model | None:
    """``model`` for these shapes of its inputs; itself if it has no others, None if it cannot be fixed to them."""
    if not model.is_dynamic():
        return model
    fixed = model.clone()
    shape = import_openvino().PartialShape
    wanted = {port.get_any_name(): shape(list(s)) for port, s in zip(fixed.inputs, shapes, strict=True)}
    try:
        fixed.reshape(wanted)
    except Exception:  # shape arithmetic that only works out when it runs
        return None
    return fixed


def half_precision(model: openvino.Model) -> str | None:
    """``f16`` or ``bf16`` if every convolution and matrix product of the graph reads such values, else None.

    Every one: the hint that asks OpenVINO for half precision holds for the whole graph, and a layer that was left in
    float32 must stay there.
    """
    found = {_read_by(op) for op in model.get_ops() if op.get_type_name() in _MULTIPLIES}
    (only,) = found if len(found) == 1 else {None}
    return only if only in _HALVES else None


def _read_by(op: Any) -> str:
    """Type of the values that ``op`` reads; what was widened right before counts as what it was."""
    source = op.input_value(0)
    node = source.get_node()
    if node.get_type_name() == "Convert" and node.get_input_element_type(0).get_type_name() in _HALVES:
        return str(node.get_input_element_type(0).get_type_name())
    return str(source.get_element_type().get_type_name())


def sentence(error: Exception) -> str:
    """OpenVINO's message on one line, without its source lines; the first node that it does not take, where named."""
    if rewriting := _REWRITING.search(str(error)):
        why = rewriting[3].strip().splitlines()[-1]
        return f"its own {rewriting[1]} fails behind '{rewriting[2]}': {why.rstrip('.')}"
    found = _NODE.search(str(error))
    text = str(error) if found is None else f"'{found[2]}' ({found[1]}): {found[3]}"
    text = " ".join(_NOISE.sub(" ", " ".join(text.split())).split())
    return text[:300].strip(" .:") or type(error).__name__
