"""What may be chosen, and each thing that is, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from qexplorer.core.wire import Wire

__all__ = ["JointParameter", "JointSpace"]


@dataclass(frozen=True, slots=True)
class JointSpace(Wire):
    """What may be chosen; an empty tuple leaves it as the recipe has it.

    Attributes:
        formats: number formats of weights.
        granularities: how many weights share a scale: ``channel``, ``tensor``, or a block such as ``b32``.
        per_layer: whether each layer has its own format and granularity, or all have the same.
        activations: number formats of activations.
        weight_calibrators: how ranges of weights are chosen.
        activation_calibrators: how ranges of activations are chosen.
        algorithms: each of which may work or not; of those that exclude each other at most one does.
    """

    formats: tuple[str, ...] = ("int8", "int4")
    granularities: tuple[str, ...] = ()
    per_layer: bool = True
    activations: tuple[str, ...] = ()
    weight_calibrators: tuple[str, ...] = ()
    activation_calibrators: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JointParameter(Wire):
    """One thing that is chosen, as the study calls it.

    Attributes:
        name: unique in the study, such as ``weights of conv1``.
        kind: ``weights``, ``activations``, ``weight calibrator``, ``activation calibrator`` or ``algorithm``.
        choices: words; ``none`` is no algorithm.
        layers: that a choice of weights is for; empty: all.
        losses: foretold for each choice of these layers; empty where nothing was.
        costs: the same, by kind of cost.
    """

    name: str
    kind: str
    choices: tuple[str, ...]
    layers: tuple[str, ...] = ()
    losses: tuple[float, ...] = ()
    costs: dict[str, tuple[float, ...]] = field(default_factory=dict)
