"""What a recipe comes to on one model: each layer's and each tensor's decision, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.files import write_atomically
from qexplorer.core.grid import Float32, Grid, Int32
from qexplorer.core.model import Model
from qexplorer.core.python_surface.show import as_html
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Size

__all__ = ["ChangedConstant", "LayerPlan", "Plan", "QuantizedModel", "TensorPlan", "Worked"]


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """What happens to one layer.

    Attributes:
        name: the layer's name.
        op: operator type.
        treatment: ``quantized``, ``dynamic``, ``weight-only``, ``half``, ``passthrough`` (works on codes as they
            are) or ``float``.
        weights: text such as ``int4 per channel, carried by int8``; None if it has none or keeps them in float.
        activations: text such as ``uint8``; None if they stay in float.
        reason: why, in one sentence: the rule, the operator, the missing statistics.
        parameters: values in its weight.
        weight_bytes: packed bytes of its weight, scales and zero points.
        computes: whether it computes anything, as in :class:`~qexplorer.core.model.Layer`: what is counted as a layer.
    """

    name: str
    op: str
    treatment: str
    weights: str | None
    activations: str | None
    reason: str
    parameters: int
    weight_bytes: int
    computes: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class TensorPlan:
    """The grid of one tensor.

    Attributes:
        name: the tensor's name in the float model, or of the changed constant that stands in its place.
        kind: ``weight`` (every constant but biases), ``bias`` or ``activation``.
        grid: its levels; ``qmin`` and ``qmax`` are narrower than the format's where a Relu or Clip bounds the codes.
        reason: where the grid is from.
        carrier: ONNX tensor type that stores the codes: the format's own, or a wider one that has integer kernels.
        codes: of a constant, int32 in its shape, where an algorithm chose them; None: its values rounded to nearest.
    """

    name: str
    kind: str
    grid: Grid
    reason: str
    carrier: str
    codes: Int32 | None = None

    def turns(self, table: TensorPlan) -> bool:
        """Whether this weight, the transpose of ``table``, has the same codes stored in the same type, so that a file
        holds them once."""
        one, other = self.grid, table.grid
        if self.carrier != table.carrier or one.format.name != other.format.name:
            return False
        if self.codes is not None or table.codes is not None or one.own is not None or other.own is not None:
            return False
        pairs = ((one.scale, other.scale), (one.zero_point, other.zero_point))
        return all(np.array_equal(np.squeeze(a).T, np.squeeze(b)) for a, b in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class ChangedConstant:
    """A constant that one layer reads in place of the float model's, because an algorithm changed it.

    Attributes:
        layer: the layer that reads it.
        position: its input position. A position behind the operator's last input is a bias that the layer did not have;
            an operator that takes none (MatMul) gets an addition behind it.
        name: of the new constant, unique in the graph.
        values: float32; written as they are, or on the grid that the plan has for this input.
    """

    layer: str
    position: int
    name: str
    values: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Worked:
    """What one algorithm said and took when it worked, on the machine where that was.

    Attributes:
        algorithm: its name.
        seconds: in all; ranges that are observed again afterwards are not counted.
        layers: seconds of single layers, where the algorithm goes through them one by one.
        remarks: clauses by layer.
    """

    algorithm: str
    seconds: float
    layers: Mapping[str, float] = field(default_factory=dict)
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every decision.

    Attributes:
        layers: one entry per layer of the model, in execution order.
        tensors: grids by key. The key is the tensor's name; a constant that layers need on different grids has one
            entry for each, the later ones with ``#2``, ``#3`` behind the name.
        notes: warnings about the whole, one sentence each.
        constants: for each layer the keys of its constant inputs that are on a grid, by input position.
        calibrated: False if grids of activations are missing because there were no statistics.
        changed: constants whose values an algorithm changed.
        worked: what the algorithms said and took, in their order; those of records that do not tell are missing.
    """

    layers: tuple[LayerPlan, ...]
    tensors: dict[str, TensorPlan]
    notes: tuple[str, ...] = ()
    constants: dict[str, dict[int, str]] = field(default_factory=dict)
    calibrated: bool = True
    changed: tuple[ChangedConstant, ...] = ()
    worked: tuple[Worked, ...] = ()

    def layer(self, name: str) -> LayerPlan:
        """The decision about the layer called ``name``; raises KeyError."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Layers and notes as plain data (no arrays)."""
        layers = [{k: getattr(layer, k) for k in LayerPlan.__slots__} for layer in self.layers]
        return {"layers": layers, "notes": list(self.notes)}


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedModel:
    """A quantized ONNX file with the plan it was made by.

    Attributes:
        model: the float model.
        recipe: what was asked for.
        plan: what came of it.
        path: the QDQ graph in the workspace, named by ``digest``.
        digest: SHA-256 over model, recipe and calibration data: 16 hexadecimal digits.
        weight_bytes: packed bytes of weights, scales and zero points.
        stored_bytes: the same as the file stores them: narrow codes may be carried by a wider type.
        carried: which codes in which type, such as ``int4 codes in int8``; None where none are.
        output_scales: step of each graph output that ends on a grid of even steps, by output name.
        calibration: which samples ranges were observed on and algorithms read, in words; None: no sample was needed.
        ready: the float model that the plan is about: another one than ``model`` where an algorithm changed the graph.
    """

    model: Model = field(repr=False)
    recipe: Recipe
    plan: Plan = field(repr=False)
    path: Path
    digest: str
    weight_bytes: int
    output_scales: dict[str, float]
    calibration: str | None = None
    stored_bytes: int | None = None
    carried: str | None = None
    ready: Model | None = field(default=None, repr=False)

    @property
    def size(self) -> Size:
        """Of the file and of its constants, packed and stored: the one place where a size is put together."""
        return Size(self.path.stat().st_size, self.weight_bytes, self.stored_bytes, self.carried)

    @property
    def onnx(self) -> bytes:
        """The quantized model as the bytes of an ONNX file."""
        return self.path.read_bytes()

    def save(self, path: str | Path) -> Path:
        """Writes the ONNX file to ``path`` through a temporary file beside it; returns the path."""
        return write_atomically(Path(path), self.onnx)

    def _repr_html_(self) -> str:
        return as_html(self)
