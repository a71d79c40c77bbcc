"""What a repair finds and does, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from qexplorer.core.python_surface.show import ShownReport
from qexplorer.core.wire import Wire
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["Diagnosis", "EvidenceBars", "Fault", "RepairReport", "RepairStep"]


class Fault(StrEnum):
    """What is wrong."""

    ONE_CLASS = "calibration of one class"
    UNLIKE = "unlike calibration samples"
    FEW = "too few calibration samples"
    DEPTHWISE = "depthwise with unequal channels"
    UNEQUAL = "unequal channels"
    OUTLIER = "outlier channel"
    MISMATCHED = "mismatched inputs"
    FAR = "values far out"
    SKEWED = "skewed range"
    DEAD = "dead range"
    SATURATED = "sums that saturate"
    SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True)
class EvidenceBars:
    """Evidence as bars.

    Attributes:
        title: what is shown.
        of: what a bar stands for: ``channel``, a tensor's name, or values of a tensor.
        size: what its length is.
        bars: lengths.
        edges: ends of the bars where they are a histogram, one more than there are bars; else empty.
        names: what each bar is called where they are not numbered and no histogram; else empty.
        marked: bars that make the fault, by place.
        lines: values that are drawn across: ends of a grid in a histogram, a limit of the lengths elsewhere.
    """

    title: str
    of: str
    size: str
    bars: tuple[float, ...]
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    marked: tuple[int, ...] = ()
    lines: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One fault with its evidence.

    Attributes:
        layer: the layer that suffers; empty for the whole model.
        op: its operator type.
        fault: what is wrong.
        sentence: that with its evidence, one sentence.
        tensor: whose statistics show it; empty where none does.
        channel: the channel that shows it, where one does.
        severity: how bad, as a factor; what a factor is of depends on the fault.
        loss: of rounding the layer alone, as evaluated; None where it was not.
        shown: the evidence as a picture; None where numbers say all.
        shares: other layers that read its stored weight, which a rule for its weight is for as well.
    """

    layer: str
    op: str
    fault: Fault
    sentence: str
    tensor: str = ""
    channel: int | None = None
    severity: float = 1.0
    loss: float | None = None
    shown: EvidenceBars | None = None
    shares: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairStep:
    """One remedy that was tried.

    Attributes:
        layer: that it was tried for; empty for the whole model.
        diagnosis: the fault.
        remedy: what was done.
        loss: afterwards, on the samples kept apart; None where it could not be done.
        metric: afterwards.
        gain: by how much the metric rose (with the sign that up is better); None where it has none.
        kept: whether it is part of the repaired recipe.
        why: of what was not kept, in a few words.
    """

    layer: str
    diagnosis: Fault
    remedy: str
    loss: float | None
    metric: float | None
    gain: float | None
    kept: bool
    why: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class RepairReport(ShownReport, Wire):
    """What was found and done.

    Attributes:
        model: the float model's name.
        data: the data set's name.
        recipe: before, as YAML.
        recipe_name: of it.
        repaired: afterwards, as YAML; the same where nothing helped.
        repaired_name: of it.
        metric_name: the task's metric; None where it has none.
        unit: of losses: ``nats`` or ``relative``.
        n: samples kept apart, that decided.
        plain: metric of the float model on them.
        before: of the recipe on them.
        after: of the repaired recipe.
        diagnoses: the worst first.
        steps: what was tried, in order.
        notes: what a reader should know, one sentence each.
        saturating_before: loss where sums of two products saturate at 16 bits, if that costs more; else None.
        saturating_after: that of the repaired recipe.
        sound: whether nothing was tried, because the recipe is as right as float and nearly as sure.
    """

    model: str
    data: str
    recipe: str
    recipe_name: str
    repaired: str
    repaired_name: str
    metric_name: str | None
    unit: str
    n: int
    plain: float | None
    before: Evaluated
    after: Evaluated
    diagnoses: tuple[Diagnosis, ...] = ()
    steps: tuple[RepairStep, ...] = ()
    notes: tuple[str, ...] = field(default=())
    saturating_before: float | None = None
    saturating_after: float | None = None
    sound: bool = False

    @property
    def won_back(self) -> float:
        """Part of the loss that was won back, 0 to 1."""
        return 0.0 if self.before.loss <= 0 else max(0.0, 1.0 - self.after.loss / self.before.loss)
