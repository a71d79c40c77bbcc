"""What a search for a mix asks and finds, as values. Predicted points and measured ones are two types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qexplorer.core.python_surface.show import as_html
from qexplorer.core.recipe import Recipe
from qexplorer.core.wire import Wire
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["MixGroup", "MixPair", "MixPoint", "MixQuestion", "MixReport", "VerifiedMix"]


@dataclass(frozen=True, slots=True)
class MixQuestion:
    """What is asked.

    Attributes:
        recipe: what all layers share: how activations are quantized, granularity, algorithms. Its rules stay.
        formats: number formats of weights to choose among.
        share: most weight bytes, as a fraction of those of the same model in int8; None with ``most_drop``.
        most_drop: the smallest mix is looked for whose metric on samples kept apart drops by no more; None with
            ``share``.
        samples: calibration samples that losses are foretold from, at most.
        verified: mixes that are quantized and measured, at most.
        pairs: groups, of those that lose most, whose pairs are measured; below 2 none are.
    """

    recipe: Recipe
    formats: tuple[str, ...] = ("int8", "int4")
    share: float | None = 0.6
    most_drop: float | None = None
    samples: int = 128
    verified: int = 4
    pairs: int = 4

    def to_json(self) -> dict[str, Any]:
        """Plain data that :meth:`from_json` reads back."""
        rest = {name: getattr(self, name) for name in ("share", "most_drop", "samples", "verified", "pairs")}
        return {"recipe": self.recipe.to_yaml(), "formats": list(self.formats), **rest}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MixQuestion:
        """What :meth:`to_json` told."""
        rest = {name: value[name] for name in ("share", "most_drop", "samples", "verified", "pairs")}
        return cls(Recipe.parse(value["recipe"]), tuple(value["formats"]), **rest)


@dataclass(frozen=True, slots=True)
class MixGroup:
    """Layers that share one choice.

    Attributes:
        layers: their names: one, or those that share a weight.
        parameters: values in their weights.
        formats: that can be chosen.
        losses: foretold for each, in the unit of the report.
        weight_bytes: packed bytes of each, scales and zero points included.
        source: ``evaluated`` where the loss of the narrowest format was evaluated and the others follow from it,
            ``gradient`` where all are foretold.
    """

    layers: tuple[str, ...]
    parameters: int
    formats: tuple[str, ...]
    losses: tuple[float, ...]
    weight_bytes: tuple[int, ...]
    source: str


@dataclass(frozen=True, slots=True)
class MixPair:
    """What two groups in the narrowest format lose together beyond what each loses alone. Measured.

    Attributes:
        first: position of one group.
        second: position of the other.
        loss: beyond the sum; below 0: their errors cancel.
    """

    first: int
    second: int
    loss: float


@dataclass(frozen=True, slots=True)
class MixPoint:
    """A mix as it is foretold.

    Attributes:
        choice: position of the format of each group.
        predicted_loss: in the unit of the report.
        weight_bytes: packed, of the weights of all layers.
    """

    choice: tuple[int, ...]
    predicted_loss: float
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class VerifiedMix:
    """A mix that was quantized and measured on samples that neither calibration nor a final verdict uses.

    Attributes:
        point: as it was foretold.
        recipe: that makes it, as YAML.
        recipe_name: what it is called.
        why: what it came from, such as ``exact``.
        weight_bytes: packed, of the weights of all layers.
        found: loss and metric.
    """

    point: MixPoint
    recipe: str
    recipe_name: str
    why: str
    weight_bytes: int
    found: Evaluated


@dataclass(frozen=True, slots=True)
class MixReport(Wire):
    """What a search found.

    Attributes:
        model: the float model's name.
        data: the data set's name.
        base: what all layers share, as YAML.
        formats: that were chosen among.
        int8_bytes: packed bytes of the layers' weights (codes, scales, zero points) of the same model in int8: what
            budgets are fractions of. Biases and the scales of activations, which no choice changes, are not in it.
        other_bytes: of weights that no choice changes.
        share: of the question.
        most_drop: of the question.
        unit: of losses: ``nats`` or ``relative``.
        metric_name: the task's metric; None where it has none.
        n: samples kept apart, that mixes are measured on.
        groups: in graph order.
        pairs: that were measured.
        front: foretold, from the smallest to the one with the least loss.
        verified: measured; the chosen one among them.
        chosen: position in ``verified``; None where nothing is within what was asked.
        plain: the same model in int8, measured alike.
    """

    model: str
    data: str
    base: str
    formats: tuple[str, ...]
    int8_bytes: int
    other_bytes: int
    share: float | None
    most_drop: float | None
    unit: str
    metric_name: str | None
    n: int
    groups: tuple[MixGroup, ...]
    pairs: tuple[MixPair, ...]
    front: tuple[MixPoint, ...]
    verified: tuple[VerifiedMix, ...]
    chosen: int | None
    plain: Evaluated

    @property
    def best(self) -> VerifiedMix | None:
        """The chosen mix."""
        return None if self.chosen is None else self.verified[self.chosen]

    @property
    def budget_bytes(self) -> int | None:
        """Most weight bytes that were asked for."""
        return None if self.share is None else int(self.share * self.int8_bytes)

    def _repr_html_(self) -> str:
        return as_html(self)
