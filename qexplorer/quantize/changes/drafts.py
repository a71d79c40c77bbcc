"""What an algorithm works on: the float graph before grids are chosen, or a plan after that.

A draft hands out what the algorithm declared to need and nothing else, because the digest of the file covers no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.formats import Storage
from qexplorer.core.grid import Float32, Grid, Int32
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Algorithm, Needs
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex, index_of
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.quantize.changes.changes import Changes, changed_plan
from qexplorer.quantize.constants import LARGEST_BIAS, bias_plan, bias_vector, output_channels
from qexplorer.quantize.plan_types import ChangedConstant, Plan, TensorPlan

if TYPE_CHECKING:
    from qexplorer.observe.stats import Statistics
    from qexplorer.quantize.training.watching import Watcher

__all__ = ["GraphDraft", "Materials", "PlanDraft"]


@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """What quantizing may read beside model and recipe.

    Attributes:
        statistics: what was observed on calibration data.
        data: its calibration part may be read.
        samples: calibration samples, at most.
        progress: told a sentence and the share of the algorithm that is done; may raise Cancelled.
        watcher: told how training goes; may raise Cancelled.
    """

    statistics: Statistics | None = None
    data: DataSet | None = None
    samples: int = 512
    progress: Callable[[str, float], None] | None = None
    watcher: Watcher | None = None


class _Draft:
    """What both kinds of drafts have: the model, the recipe, what was asked for, and what to say of each layer."""

    def __init__(self, model: Model, recipe: Recipe, materials: Materials, algorithm: Algorithm) -> None:
        self.model, self.recipe = model, recipe
        self.remarks: dict[str, tuple[str, ...]] = {}
        self.spent: dict[str, float] = {}
        self._materials, self._algorithm = materials, algorithm

    @property
    def statistics(self) -> Statistics:
        """What was observed of the float model on calibration data (``Needs.STATISTICS``)."""
        self._declared(Needs.STATISTICS)
        assert self._materials.statistics is not None
        return self._materials.statistics

    @property
    def training(self) -> DataSet:
        """The data set, of which the calibration part may be learned from, all of it (``Needs.GRADIENTS``)."""
        self._declared(Needs.GRADIENTS)
        assert self._materials.data is not None
        return self._materials.data

    @property
    def calibration(self) -> Split:
        """The calibration samples (``Needs.DATA``)."""
        self._declared(Needs.DATA)
        assert self._materials.data is not None
        return self.calibration_of(self._materials.samples)

    def calibration_of(self, samples: int) -> Split:
        """At most ``samples`` calibration samples, spread over all that there are (``Needs.DATA``)."""
        self._declared(Needs.DATA)
        assert self._materials.data is not None
        return calibration_sample(self._materials.data, min(samples, self._materials.samples)).split

    @property
    def watcher(self) -> Watcher | None:
        """Who is told how training goes; None: nobody."""
        return self._materials.watcher

    def _declared(self, need: Needs) -> None:
        if need not in self._algorithm.needs:
            raise ValueError(f"the algorithm '{self._algorithm.name}' reads what it does not declare to need ({need})")

    def remark(self, layer: str, clause: str) -> None:
        """Says in the plan what was changed in ``layer``, or why nothing was."""
        self.remarks[layer] = (*self.remarks.get(layer, ()), clause)

    @contextmanager
    def timed(self, layer: str) -> Iterator[None]:
        """Counts what is done inside as time that ``layer`` took."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[layer] = self.spent.get(layer, 0.0) + time.perf_counter() - start

    def tell(self, step: str, share: float) -> None:
        """Says what the algorithm is at and the share of it that is done. Raises Cancelled if it is to stop."""
        if self._materials.progress is not None:
            self._materials.progress(step, share)


class GraphDraft(_Draft):
    """The float graph, to be changed before grids are chosen.

    Attributes:
        proto: the graph; constants and nodes may be changed. Inputs and outputs keep names, order and types, and what
            it computes should stay the same up to rounding.
    """

    def __init__(self, model: Model, recipe: Recipe, materials: Materials, algorithm: Algorithm) -> None:
        super().__init__(model, recipe, materials, algorithm)
        self.proto = model.proto()


class PlanDraft(_Draft):
    """A plan, to be changed after grids are chosen; :attr:`plan` always has the changes so far."""

    def __init__(self, model: Model, recipe: Recipe, plan: Plan, materials: Materials, algorithm: Algorithm) -> None:
        super().__init__(model, recipe, materials, algorithm)
        self.view: GraphIndex = index_of(model)
        self._base = plan
        self._constants: dict[tuple[str, int], ChangedConstant] = {}
        self._tensors: dict[str, TensorPlan] = {}
        self._uses: dict[tuple[str, int], str] = {}

    @property
    def changes(self) -> Changes:
        """What was changed so far."""
        constants = tuple(self._constants.values())
        return Changes(constants, dict(self._tensors), dict(self._uses), dict(self.remarks))

    @property
    def plan(self) -> Plan:
        """The plan with the changes so far."""
        return changed_plan(self._base, self.changes)

    def values(self, layer: str, position: int) -> Float32 | None:
        """The float values of a constant input as they are now, of any shape; None where there is no constant."""
        changed = self._changed(layer, position)
        if changed is not None:
            return changed.values
        inputs = self.view.nodes[layer].input
        name = inputs[position] if position < len(inputs) else ""
        return self.view.array(name) if self.view.is_constant(name) and self.view.is_float(name) else None

    def set_codes(self, layer: str, position: int, codes: Int32, *, grid: Grid | None = None) -> None:
        """Chooses the codes of a constant input, and its grid if that is to be another one.

        Layers that share the constant on this grid share the codes. Where a weight gets another scale, the int32 biases
        of these layers are put on the grid of their new products.

        Args:
            layer: the layer's name.
            position: the input; it must be on a grid.
            codes: in the shape of the constant, biases ``(channels,)``, within the grid's ``qmin`` and ``qmax``.
            grid: other scales and zero points, of the same format, axis and block.

        Raises:
            ValueError: the input is on no grid, or codes or grid do not fit.
        """
        key = self.plan.constants.get(layer, {}).get(position)
        if key is None:
            raise ValueError(f"input {position} of '{layer}' is on no grid, so that it has no codes")
        old = self.plan.tensors[key]
        new = grid or old.grid
        if [_fixed(each) for each in (old.grid, new)] != [_fixed(old.grid)] * 2:
            raise ValueError(f"the grid of input {position} of '{layer}' must keep its format, axis, block and shape")
        shape = self._shape(layer, position, old)
        if codes.shape != shape or codes.dtype != np.int32:
            raise ValueError(f"codes of input {position} of '{layer}' must be int32 of shape {shape}")
        if not _on(codes, new):
            raise ValueError(f"codes of input {position} of '{layer}' must lie between {new.qmin} and {new.qmax}")
        if np.any(new.scale < self.smallest_scale(layer, position)):
            raise ValueError(f"with these scales of input {position} of '{layer}' a bias does not fit into int32")
        self._tensors[key] = replace(old, grid=new, codes=codes.copy())
        if not np.array_equal(new.scale, old.grid.scale):
            self._put_biases_on(key, new)

    def set_grid(self, tensor: str, grid: Grid) -> None:
        """Gives an activation another scale and zero point; int32 biases of the layers that read it go along.

        Args:
            tensor: an activation that is on a grid.
            grid: of the same format, axis and codes.

        Raises:
            ValueError: there is no such activation, or the grid does not fit.
        """
        old = self.plan.tensors.get(tensor)
        if old is None or old.kind != "activation":
            raise ValueError(f"'{tensor}' is no activation on a grid")
        if _fixed(grid) != _fixed(old.grid) or (grid.qmin, grid.qmax) != (old.grid.qmin, old.grid.qmax):
            raise ValueError(f"the grid of '{tensor}' must keep its format, axis, shape and codes")
        self._tensors[tensor] = replace(old, grid=grid)
        for layer, keys in list(self.plan.constants.items()):
            if 1 in keys and self.view.nodes[layer].input[0] == tensor:
                self._put_biases_on(keys[1], self.plan.tensors[keys[1]].grid)

    def smallest_scale(self, layer: str, position: int) -> NDArray[np.float64]:
        """The least scales of a constant input with which every int32 bias still fits, in the shape of its scales.

        Raises:
            ValueError: the input is on no grid.
        """
        key = self.plan.constants.get(layer, {}).get(position)
        if key is None:
            raise ValueError(f"input {position} of '{layer}' is on no grid")
        grid = self.plan.tensors[key].grid
        least = np.zeros(grid.scale.shape)
        for reader, _, bias in self._biases_of(key):
            step = self.plan.tensors[self.view.nodes[reader].input[0]].grid.scale
            values = self.values(reader, bias)
            assert values is not None, "what is on a grid is a constant"
            vector = bias_vector(values, output_channels(self.view.nodes[reader], 1, self.view))
            assert vector is not None, "an int32 bias is a vector"
            needed = np.abs(vector.astype(np.float64)) / (float(step) * LARGEST_BIAS)
            least = np.maximum(least, needed if grid.axis is not None else needed.max(initial=0.0))
        return least

    def _biases_of(self, key: str) -> list[tuple[str, str, int]]:
        """Int32 biases of the layers whose weight is ``key``: layer, key of the bias, its position."""
        plan = self.plan
        readers = [layer for layer, keys in plan.constants.items() if keys.get(1) == key]
        return [
            (layer, bias, position)
            for layer in readers
            for position, bias in plan.constants[layer].items()
            if plan.tensors[bias].kind == "bias"
        ]

    def _put_biases_on(self, weight: str, grid: Grid) -> None:
        for layer, old, position in self._biases_of(weight):
            activation = self.plan.tensors[self.view.nodes[layer].input[0]]
            key = self._fresh(f"{self.plan.tensors[old].name}#{layer}")
            self._tensors[key] = bias_plan(self.plan.tensors[old].name, activation, grid)
            self._uses[layer, position] = key

    def set_constant(self, layer: str, position: int, values: Float32, *, tensor: TensorPlan | None = None) -> None:
        """Gives a layer other values for a constant input, which become its own; or a bias that it did not have.

        They are rounded to nearest on the grid that the input had, or written in float if it had none.

        Args:
            layer: the layer's name.
            position: the input, or the one behind its last (see :class:`ChangedConstant`).
            values: float32.
            tensor: grid and carrier, if they are to be others (its name and codes do not count).
        """
        old = self._changed(layer, position)
        name = old.name if old is not None else self._fresh(f"{layer}/input_{position}")
        self._constants[layer, position] = ChangedConstant(layer, position, name, np.array(values, np.float32))
        key = self.plan.constants.get(layer, {}).get(position)
        on = tensor or (None if key is None else self.plan.tensors[key])
        if on is not None:
            self._tensors[name] = replace(on, name=name, codes=None)
            self._uses[layer, position] = name

    def _changed(self, layer: str, position: int) -> ChangedConstant | None:
        return next((each for each in self.plan.changed if (each.layer, each.position) == (layer, position)), None)

    def _shape(self, layer: str, position: int, tensor: TensorPlan) -> tuple[int, ...]:
        values = self.values(layer, position)
        assert values is not None, "what is on a grid is a constant"
        if tensor.kind == "bias":
            vector = bias_vector(values, output_channels(self.view.nodes[layer], 1, self.view))
            assert vector is not None, "an int32 bias is a vector"
            return vector.shape
        return values.shape

    def _fresh(self, base: str) -> str:
        taken = {*self.view.initializers, *self.view.producer, *self.view.inputs, *self.plan.tensors}
        taken |= {each.name for each in self.plan.changed}
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        return name


def _on(codes: Int32, grid: Grid) -> bool:
    """Whether all codes are codes of the grid, which are not always in the order of their values."""
    if grid.format.storage is Storage.INTEGER:
        return not codes.size or bool(grid.qmin <= codes.min() and codes.max() <= grid.qmax)
    if np.isin(codes, grid.codes()).all():
        return True
    if grid.own is not None:
        return False
    one, none = np.ones((), np.float32), np.zeros((), np.int32)  # by value: a float has a second code for zero
    values, levels = (grid.format.decode(each, one, none) for each in (codes, grid.codes()))
    return bool(np.isin(values, levels).all())


def _fixed(grid: Grid) -> tuple[object, ...]:
    """What an algorithm may not change of a grid: sizes, kernels and the words of the plan follow from it."""
    return grid.format.name, grid.axis, grid.block, grid.scale.shape, grid.zero_point.shape
