"""What the rest of the program knows of a model: a checked file, its layers and what can be done with each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.python_surface.show import as_html
from qexplorer.core.wire import Wire

if TYPE_CHECKING:
    import onnx

__all__ = ["Layer", "Model", "TensorInfo", "read_proto"]

Dim = int | str | None


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A graph input or output.

    Attributes:
        name: the tensor's name.
        dtype: NumPy element type.
        shape: a length of 1 or more; a str or None where a dimension is free.
        classes: whether it is an output that is known to name a class for each sample: it comes from a Softmax or a
            classifier of ai.onnx.ml, holds one whole number a sample, or somebody has named its classes. A table that
            merely could is not: scores, coordinates and embeddings look alike.
        alone: whether it is an input without an axis for the batch in front, such as a recurrent state or a sampling
            rate: a sample of it is all of it, and the model takes one sample at a time.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...]
    classes: bool = False
    alone: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a length that nothing has: loading takes -1 and 0 for free ones."""
        if any(isinstance(length, int) and length < 1 for length in self.shape):
            raise ValueError(f"'{self.name}' has the shape {self.shape}")

    @property
    def fixed_batch(self) -> int | None:
        """The batch size the file insists on (first dimension), or None if any will do."""
        if self.alone:
            return 1
        first = self.shape[0] if self.shape else None
        return first if isinstance(first, int) else None


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of the graph, in execution order.

    Attributes:
        name: the node's name, unique in the model.
        op: operator type.
        inputs: activation inputs (tensor names; no initializers, no empty names).
        outputs: tensor names.
        weight: name of its weight initializer, if it has one that could be quantized.
        weight_shape: that weight's shape.
        weight_axis: the axis of its output channels.
        parameters: number of learned values in initializers that it uses first (shared weights count once).
        macs: multiply-accumulates for one sample (batch 1); 0 for operators that have none, None if shapes are unknown.
        quantizable: whether qexplorer can quantize it.
        reason: why not, in one sentence, if it cannot.
        computes: whether it computes anything of the model's data; False for what only moves it about, converts it or
            works on shapes (Reshape, Cast, Shape, an Add of dimensions).
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weight: str | None
    weight_shape: tuple[int, ...]
    weight_axis: int | None
    parameters: int
    macs: int | None
    quantizable: bool
    reason: str | None
    computes: bool = True


@dataclass(frozen=True, slots=True)
class Model(Wire):
    """A checked, normalized ONNX model on disk (opset 21 or later where conversion is possible, weights inside).

    Attributes:
        name: a sample's name, or the file's stem.
        path: the normalized file, named by its digest, in the workspace or the package.
        sha256: digest of the bytes at ``path``.
        source_sha256: digest of the bytes as they were given.
        opset: version of the default operator set, after conversion.
        inputs: graph inputs (no initializers).
        outputs: graph outputs.
        layers: every node that is not a constant, in execution order.
        parameters: number of learned values: constants without shapes, axes and indices.
        macs: multiply-accumulates for one sample; None if shapes are unknown.
        file_bytes: size of the file at ``path``.
        weight_bytes: bytes of all initializers.
        untrained: True for architecture-only models: accuracy is never shown.
        notes: what was changed or could not be done on loading, one sentence each.
        classes: names of the classes by number, from the file's metadata or a list beside it; empty if unknown.
        given_bytes: size of the file as it was given, its external weights included; 0 where that is not known.
    """

    name: str
    path: Path
    sha256: str
    source_sha256: str
    opset: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    layers: tuple[Layer, ...] = field(repr=False)
    parameters: int
    macs: int | None
    file_bytes: int
    weight_bytes: int
    untrained: bool = False
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    given_bytes: int = 0

    @property
    def fixed_batch(self) -> int | None:
        """The batch size the file insists on, or None if any will do."""
        return next((b for b in (i.fixed_batch for i in self.inputs) if b is not None), None)

    @property
    def computing_layers(self) -> tuple[Layer, ...]:
        """Layers that compute: what is counted and drawn."""
        return tuple(layer for layer in self.layers if layer.computes)

    @property
    def quantizable_layers(self) -> tuple[Layer, ...]:
        """Layers that can run in integers."""
        return tuple(layer for layer in self.layers if layer.quantizable)

    def layer(self, name: str) -> Layer:
        """The layer called ``name``; raises KeyError."""
        return next(layer for layer in self.layers if layer.name == name)

    def proto(self) -> onnx.ModelProto:
        """The model as a fresh protobuf message, safe to change."""
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(read_proto(str(self.path)))
        return copy

    def _repr_html_(self) -> str:
        return as_html(self)


@lru_cache(maxsize=4)
def read_proto(path: str) -> onnx.ModelProto:
    """Parses the file once; callers must not change what they get (use :meth:`Model.proto`)."""
    import onnx

    return onnx.load(path, load_external_data=False)
