"""All architectures, found by reading this folder, and their files; to add one, see ``protocol.py``."""

from __future__ import annotations

from pathlib import Path

from qexplorer.core.files import write_atomically
from qexplorer.core.registry import Registry
from qexplorer.core.workspace import workspace
from qexplorer.load.samples.architectures.protocol import Architecture
from qexplorer.load.samples.graph_builder import GraphBuilder

__all__ = ["ARCHITECTURES", "build"]

_SEED, _CLASSES, _VERSION = 224, 1000, 1
ARCHITECTURES: Registry[Architecture] = Registry(
    "architecture", home="qexplorer.load.samples.architectures", order=lambda network: network.rank
)


def build(name: str) -> Path:
    """The file of an architecture in the workspace, built if it is not there; raises UnknownName.

    Opset 21, IR 10, input ``image`` (batch, 3, 224, 224), output ``logits`` (batch, 1000), float32.
    """
    architecture = ARCHITECTURES.get(name)
    path = workspace("models") / f"{name}-untrained-{_VERSION}.onnx"
    if not path.is_file():
        graph = GraphBuilder(name, _SEED)
        features, channels = architecture.trunk(graph, "image")
        graph.classifier(features, channels, _CLASSES)
        model = graph.model("image", (3, 224, 224), _CLASSES)
        model.doc_string = f"{architecture.title}, random weights: size and latency only."
        write_atomically(path, model.SerializeToString())
    return path
