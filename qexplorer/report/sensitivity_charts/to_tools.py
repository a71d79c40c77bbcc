"""What a report says of each layer, for graph viewers: node data of Model Explorer, and a file that Netron opens."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.model import Model
from qexplorer.report.sensitivity_charts.sensitivity_table import loss_text
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

if TYPE_CHECKING:
    import onnx

__all__ = ["annotated_onnx", "node_data"]

_COLOURS = ("#fde725", "#90d743", "#35b779", "#21918c", "#31688e", "#443983", "#440154")  # viridis, the least first
_LEAST_SHARE = 1e-5  # of the largest loss: below it colours do not differ


def node_data(model: Model, report: SensitivityReport, rounded: str = "both", *, foretold: bool = False) -> str | None:
    """Node data of Model Explorer, of what was evaluated or foretold; None where nothing was.

    The form is that of its ``GraphNodeData`` (module node_data_builder of ai-edge-model-explorer 0.1.34), which it
    lays on whichever graph is open: a file holds one set. Nodes are named by themselves, as its ONNX adapter
    (model-explorer-onnx) knows those that have a name, and by what they make, by which it knows all of them.
    """
    results: dict[str, dict[str, float]] = {}
    for layer in report.layers:
        value = layer.gradient(rounded) if foretold else layer.exact(rounded)
        if value is not None and math.isfinite(value.loss):  # JSON has no other numbers
            names = (layer.name, *model.layer(layer.name).outputs)
            shown = float(f"{value.loss:.6g}")
            results |= {name: {"value": shown} for name in names if name not in results}
    if not results:
        return None
    name = f"{report.recipe_name}, {rounded}, {'foretold' if foretold else 'evaluated'} loss"
    found = {"name": name, "results": results, "gradient": _gradient([each["value"] for each in results.values()])}
    return json.dumps(found, indent=1, allow_nan=False)


def _gradient(values: Sequence[float]) -> list[dict[str, float | str]]:
    """Colours by the logarithm, as losses of layers differ by decades; the viewer itself knows shares of the range."""
    low, high = min(values), max(values)
    width = high - low
    if width <= 0:
        return [{"stop": 0, "bgColor": _COLOURS[0]}, {"stop": 1, "bgColor": _COLOURS[-1]}]
    least = max(low, high * _LEAST_SHARE)
    ends = np.geomspace(least, high, len(_COLOURS))
    stops = [0.0, *((float(end) - low) / width for end in ends[1:-1]), 1.0]
    return [{"stop": stop, "bgColor": colour} for stop, colour in zip(stops, _COLOURS, strict=True)]


def annotated_onnx(model: Model, report: SensitivityReport) -> bytes:
    """The float model with what the report says written to each node's ``doc_string`` and ``metadata_props``.

    Netron and Model Explorer show them beside a node, and what was asked beside the graph; answers do not change.
    """
    proto = model.proto()
    asked = {"recipe": report.recipe_name, "data": f"{report.n} calibration samples of {report.data}"}
    for key, value in (asked | {"unit": report.unit}).items():
        proto.metadata_props.add(key=f"sensitivity.{key}", value=value)
    layers = {layer.name: layer for layer in report.layers}
    for node in proto.graph.node:
        layer = layers.get(node.name)
        if layer is not None:
            _annotate(node, layer)
    return bytes(proto.SerializeToString())


def _annotate(node: onnx.NodeProto, layer: LayerSensitivity) -> None:
    seen, told = layer.exact(), layer.gradient()
    lines = []
    if seen is not None:
        lines.append(f"sensitivity, evaluated: loss {loss_text(seen)} on {seen.n} samples")
        node.metadata_props.add(key="sensitivity.evaluated", value=f"{seen.loss:.6g}")
    if told is not None:
        lines.append(f"sensitivity, foretold: loss {loss_text(told)}")
        node.metadata_props.add(key="sensitivity.foretold", value=f"{told.loss:.6g}")
    node.doc_string = "\n".join([*filter(None, [node.doc_string]), *lines])
