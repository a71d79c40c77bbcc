"""What a report says of each layer, for graph viewers: node data of Model Explorer, and a file that Netron opens."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from qexplorer.core.model import Model
from qexplorer.report.sensitivity_charts.sensitivity_table import loss_text
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

if TYPE_CHECKING:
    import onnx

__all__ = ["annotated_onnx", "node_data"]

_GRADIENT = [{"stop": 0, "bgColor": "#fde725"}, {"stop": 0.5, "bgColor": "#21918c"}, {"stop": 1, "bgColor": "#440154"}]


def node_data(model: Model, report: SensitivityReport, rounded: str = "both", *, foretold: bool = False) -> str | None:
    """Node data of Model Explorer, of what was evaluated or foretold; None where nothing was.

    The form is that of its ``GraphNodeData`` (module node_data_builder of ai-edge-model-explorer 0.1.34), which it
    lays on whichever graph is open: a file holds one set. Nodes are named by themselves and by what they make, as one
    viewer's graph of an ONNX file knows them by the one, and another's by the other.
    """
    results: dict[str, dict[str, float]] = {}
    for layer in report.layers:
        value = layer.gradient(rounded) if foretold else layer.exact(rounded)
        if value is not None and math.isfinite(value.loss):  # JSON has no other numbers
            names = (layer.name, *model.layer(layer.name).outputs)
            results |= {name: {"value": value.loss} for name in names if name not in results}
    if not results:
        return None
    name = f"{report.recipe_name}, {rounded}, {'foretold' if foretold else 'evaluated'} loss"
    return json.dumps({"name": name, "results": results, "gradient": _GRADIENT}, indent=1, allow_nan=False)


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
