"""What was found of layers' sensitivity, as values: what gradients foretell and what was evaluated are two types."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from qexplorer.core.python_surface.show import ShownReport
from qexplorer.core.results import Interval
from qexplorer.core.wire import Wire

__all__ = [
    "LESS_SURE",
    "Evaluated",
    "Foretold",
    "LayerSensitivity",
    "Rounded",
    "SensitivityReport",
    "Setup",
    "WholeModel",
]

LESS_SURE = 0.01
"""Nats, about 1 % of a probability: by which the right class may lose some before answers count as less sure."""


class Rounded(StrEnum):
    """What of a layer is rounded."""

    WEIGHTS = "weights"
    ACTIVATIONS = "activations"
    BOTH = "both"


class Setup(StrEnum):
    """Which layers are rounded when one is looked at: it alone, all but it, or all up to it in graph order."""

    ALONE = "alone"
    ALL_BUT_ONE = "all_but_one"
    CUMULATIVE = "cumulative"


@dataclass(frozen=True, slots=True)
class Foretold:
    """The loss that second derivatives foretell for a layer rounded alone. An estimate, never a measurement.

    Attributes:
        loss: in the unit of the report; the error of the layer's values, squared, times the curvature there, halved.
        ci95: of the mean over batches and probes; None with fewer than two batches.
        n: samples whose gradients were taken.
    """

    loss: float
    ci95: Interval | None
    n: int


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the network's answers were with the layer really rounded, against those of the float network.

    Attributes:
        loss: in the unit of the report, the mean over samples.
        ci95: of that mean; None with fewer than two samples.
        n: samples that were run: fewer than the report's where the work was limited.
        sqnr_db: power of the float outputs over power of the error; None where nothing differs.
        mse: mean squared error of the outputs.
        cosine: between float and rounded outputs, the mean over samples.
        kl: Kullback-Leibler divergence of the classes' probabilities, in nats; None where answers are no classes.
        metric: value of the task's metric; None where it has none.
        metric_drop: by how much it is worse than float's on the same samples; below 0: better.
        surprise: by how much minus the logarithm of the right class's probability is above float's on the same samples,
            the mean, in nats; None where samples have no one class each, or float was not laid beside.
        surprise_half: half the 95 % interval of that mean.
    """

    loss: float
    ci95: Interval | None
    n: int
    sqnr_db: float | None
    mse: float
    cosine: float | None
    kl: float | None = None
    metric: float | None = None
    metric_drop: float | None = None
    surprise: float | None = None
    surprise_half: float | None = None

    @property
    def less_sure(self) -> bool:
        """Whether samples show that the right class is given less than by float, on average by over ``LESS_SURE``."""
        half = self.surprise_half
        return self.surprise is not None and half is not None and self.surprise > max(half, LESS_SURE)


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """One layer.

    Attributes:
        name: its name.
        op: operator type.
        members: layers that are rounded with it.
        leads: whether it is worth quantizing by itself; sums and pools are not.
        foretold: by what is rounded (``weights``, ``activations``, ``both``).
        formats: foretold for the weights alone in other formats, by format.
        evaluated: by setup (``alone``, ``all_but_one``, ``cumulative``), then by what is rounded.
        reasons: why something is missing, by setup or by what is rounded.
        shares: other layers that read the same stored weight: their formats are one choice with its.
        no_numbers: what of it was rounded (``weights``, ...) when the network answered NaN or infinity.
    """

    name: str
    op: str
    members: tuple[str, ...]
    leads: bool
    foretold: dict[str, Foretold] = field(default_factory=dict)
    formats: dict[str, Foretold] = field(default_factory=dict)
    evaluated: dict[str, dict[str, Evaluated]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    no_numbers: tuple[str, ...] = ()

    def exact(self, rounded: str = "both", arrangement: str = "alone") -> Evaluated | None:
        """What was evaluated; None where nothing was."""
        return self.evaluated.get(arrangement, {}).get(rounded)

    def gradient(self, rounded: str = "both") -> Foretold | None:
        """What was foretold; None where nothing was."""
        return self.foretold.get(rounded)


@dataclass(frozen=True, slots=True)
class WholeModel:
    """All layers rounded together.

    Attributes:
        evaluated: what the answers were.
        metric_float: of the float model on the same samples; None where it has none.
        alone_sum: sum of the losses of the layers rounded alone, which would be the loss if they simply added up.
    """

    evaluated: Evaluated
    metric_float: float | None
    alone_sum: float | None


@dataclass(frozen=True, slots=True)
class Accord:
    """How well the foretold ranking agrees with the evaluated one.

    Attributes:
        spearman: rank correlation over the layers that have both; None with fewer than three.
        layers: how many those are.
        worst_found: whether the worst layer as evaluated is among the three that are foretold to be worst.
        holds: whether the correlation is at least 0.8 and the worst is found.
        why: in one sentence, what parts them where it does not hold; empty where it does.
    """

    spearman: float | None
    layers: int
    worst_found: bool
    holds: bool
    why: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class SensitivityReport(ShownReport, Wire):
    """What every layer's rounding costs.

    Attributes:
        model: the float model's name.
        data: the data set's name.
        recipe: what the layers are rounded by, as YAML.
        recipe_name: what it is called.
        digest: of the quantized file that the recipe gives.
        n: calibration samples that were looked at, at most.
        unit: ``nats`` (Kullback-Leibler divergence) or ``relative`` (squared error over power of the float outputs).
        metric_name: the task's metric; None where it has none.
        layers: in graph order.
        whole: all layers together; None where nothing was evaluated.
        accord: of gradient and evaluation; None where one of them is missing.
        no_gradient: why nothing was foretold; empty where it was.
        passes: work of the evaluation in float passes over the samples, by multiply-accumulates.
        notes: what a reader should know, one sentence each.
    """

    model: str
    data: str
    recipe: str
    recipe_name: str
    digest: str
    n: int
    unit: str
    metric_name: str | None
    layers: tuple[LayerSensitivity, ...]
    whole: WholeModel | None = None
    accord: Accord | None = None
    no_gradient: str = ""
    passes: float | None = None
    notes: tuple[str, ...] = ()

    def layer(self, name: str) -> LayerSensitivity | None:
        """One layer by name."""
        return next((each for each in self.layers if each.name == name), None)

    def worst(self, rounded: str = "both") -> tuple[LayerSensitivity, ...]:
        """Layers by the loss of rounding them alone, the worst first: as evaluated, and as foretold where that is
        all there is; layers of which neither is known are left out."""

        def loss(layer: LayerSensitivity) -> float:
            found = layer.exact(rounded) or layer.gradient(rounded)
            return float("-inf") if found is None else found.loss

        known = [layer for layer in self.layers if layer.exact(rounded) or layer.gradient(rounded)]
        return tuple(sorted(known, key=loss, reverse=True))
