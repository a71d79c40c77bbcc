"""What the algorithms of one recipe did, as values: each against the same recipe without it."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.python_surface.show import as_html
from qexplorer.core.wire import Wire

__all__ = ["AlgorithmEffect", "EffectReport", "LayerEffect", "LayerState"]


@dataclass(frozen=True, slots=True)
class LayerState:
    """One layer's weight on its grid, and the error that this leaves.

    Values are counted in steps of their own grid, so that channels and blocks with scales of their own lie on one axis.

    Attributes:
        grid: in words, such as ``int4 per channel``.
        scales: smallest and largest scale.
        weight_mse: mean squared error of the weight, in its own units squared.
        weight_sqnr_db: power of the weight over power of its error; None if there is no error, or no weight but 0.
        output_mse: mean squared error of what the layer makes, with everything before it quantized too; None if the
            quantized graph has no such tensor, or nothing ran.
        output_sqnr_db: the same as SQNR; None also where nothing differs.
        edges: borders of the bars of the float weight in steps, one more than there are bars.
        shares: of all weights in each bar.
        levels: where quantized weights lie, in steps; those that no weight takes are left out.
        level_shares: of all weights on each level.
        reaches: largest magnitude of each output channel, at most 256 of them, spread evenly.
    """

    grid: str
    scales: tuple[float, float]
    weight_mse: float
    weight_sqnr_db: float | None
    output_mse: float | None
    output_sqnr_db: float | None
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    levels: tuple[float, ...]
    level_shares: tuple[float, ...]
    reaches: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LayerEffect:
    """What one algorithm did to one layer.

    Attributes:
        layer: its name.
        op: operator type.
        before: by the recipe without the algorithm.
        after: by the recipe.
        moved: share of its codes that are others; None where the codes cannot be laid side by side.
        up: share of its codes that are higher.
        seconds: that the algorithm spent on this layer; None if it does not go layer by layer.
        remark: what the algorithm says of it; empty if nothing.
    """

    layer: str
    op: str
    before: LayerState
    after: LayerState
    moved: float | None
    up: float | None
    seconds: float | None
    remark: str

    @property
    def gain_db(self) -> float | None:
        """By how much the SQNR of the layer's output rose; None where either is not known."""
        before, after = self.before.output_sqnr_db, self.after.output_sqnr_db
        return None if before is None or after is None else after - before


@dataclass(frozen=True, slots=True)
class AlgorithmEffect:
    """What one algorithm did.

    Attributes:
        algorithm: its name.
        title: what people call it.
        without: name of the recipe without it.
        seconds: what it took in all when it worked; None in files that were made before this was told.
        output_before_db: SQNR of the network's outputs against those of the float model, by the recipe without it.
        output_after_db: by the recipe.
        layers: with a weight on a grid in both, in execution order.
    """

    algorithm: str
    title: str
    without: str
    seconds: float | None
    output_before_db: float | None
    output_after_db: float | None
    layers: tuple[LayerEffect, ...]

    def layer(self, name: str) -> LayerEffect | None:
        """The effect on one layer."""
        return next((each for each in self.layers if each.layer == name), None)


@dataclass(frozen=True, slots=True)
class EffectReport(Wire):
    """What all algorithms of one recipe did.

    Attributes:
        digest: of the file that the recipe gives.
        model: the float model's name.
        recipe: the recipe's name.
        data: the data set's name.
        n: calibration samples on which outputs were compared.
        algorithms: in the order of the recipe.
    """

    digest: str
    model: str
    recipe: str
    data: str
    n: int
    algorithms: tuple[AlgorithmEffect, ...]

    def of(self, algorithm: str) -> AlgorithmEffect | None:
        """What one of them did."""
        return next((each for each in self.algorithms if each.algorithm == algorithm), None)

    def _repr_html_(self) -> str:
        return as_html(self)
