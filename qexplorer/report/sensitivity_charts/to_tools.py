"""What a report says of each layer, for graph viewers: node data of Model Explorer, and a file that Netron opens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qexplorer.core.model import Model
from qexplorer.report.sensitivity_charts.sensitivity_table import loss_text
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

if TYPE_CHECKING:
    import onnx

__all__ = ["annotated_onnx", "node_data"]

_GRADIENT = [{"stop": 0, "bgColor": "#fde725"}, {"stop": 0.5, "bgColor": "#21918c"}, {"stop": 1, "bgColor": "#440154"}]


def node_data(report: SensitivityReport, rounded: str = "both") -> str:
    """Node data of Model Explorer: values by node, for each of what was evaluated and foretold.

    The form is that of its "custom node data" (one object for each set, ``results`` by the node's name).
    """
    evaluated = {layer.name: layer.exact(rounded) for layer in report.layers}
    foretold = {layer.name: layer.gradient(rounded) for layer in report.layers}
    found: dict[str, Any] = {}
    for name, known in (("evaluated loss", evaluated), ("foretold loss", foretold)):
        results = {key: {"value": value.loss} for key, value in known.items() if value is not None}
        if results:
            found[f"{report.recipe_name}, {rounded}, {name}"] = {"results": results, "gradient": _GRADIENT}
    return json.dumps({"main_graph": found}, indent=1)


def annotated_onnx(model: Model, report: SensitivityReport) -> bytes:
    """The float model with what the report says written to each node's ``doc_string`` and ``metadata_props``.

    Netron shows both beside a node; answers do not change.
    """
    proto = model.proto()
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
