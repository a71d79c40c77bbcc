"""What a joint search asks and finds, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from qexplorer.core.python_surface.show import ShownReport
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Interval
from qexplorer.core.wire import Wire
from qexplorer.core.workspace import digest_json
from qexplorer.search.joint.fronts import front_of
from qexplorer.search.joint.space import recipe_for, settled
from qexplorer.search.joint.space_types import JointParameter, JointSpace

__all__ = [
    "BIT_OPERATIONS",
    "COSTS",
    "LOCAL",
    "PLAIN",
    "QUALITIES",
    "SAMPLERS",
    "WEIGHT_BYTES",
    "JointQuestion",
    "JointReport",
    "JointTrial",
    "VerifiedTrial",
]

WEIGHT_BYTES, BIT_OPERATIONS = "weight_bytes", "bit_operations"
QUALITIES = ("loss", "metric")
PLAIN = "plain"
COSTS = (WEIGHT_BYTES, BIT_OPERATIONS)
LOCAL = "local"
SAMPLERS = (LOCAL, "nsga2", "tpe")


@dataclass(frozen=True, slots=True)
class JointQuestion(Wire):
    """What is asked.

    Attributes:
        recipe: as YAML: what the space leaves as it is. Its rules stay.
        space: what may be chosen.
        quality: the first objective: ``loss`` (how far answers are from float's) or ``metric`` (how much worse the
            task's metric is).
        cost: the second: ``weight_bytes`` or ``bit_operations``.
        trials: different recipes in the study, at most; those of an earlier search with the same question count.
        seconds: no trial begins later than this; None: no limit.
        sampler: ``local`` (near the front), ``nsga2`` (Deb et al. 2002) or ``tpe`` (Ozaki et al. 2022).
        seed: of every draw.
    """

    recipe: str
    space: JointSpace = field(default_factory=JointSpace)
    quality: Literal["loss", "metric"] = "loss"
    cost: Literal["weight_bytes", "bit_operations"] = "weight_bytes"
    trials: int = 60
    seconds: float | None = None
    sampler: Literal["local", "nsga2", "tpe"] = "local"
    seed: int = 0

    def study_digest(self, *inputs: str) -> str:
        """Identifies the study: everything but how long it may go on, and the digests of the inputs."""
        asked = {name: value for name, value in self.to_json().items() if name not in ("trials", "seconds")}
        return digest_json([asked, list(inputs)])[:16]


@dataclass(frozen=True, slots=True)
class JointTrial:
    """One recipe that was tried.

    Attributes:
        number: in the study.
        state: ``measured``, ``stopped`` (a part of the samples was enough to see that another is better), ``refused``.
        why: what it came from: ``plain``, ``a mix``, ``the search``; of a refused one, the reason.
        choice: position of each parameter's choice.
        name: what the recipe is called.
        quality: the first objective; of a stopped trial on a part of the samples; None where refused.
        ci95: of that.
        metric: value of the task's metric on the same samples.
        weight_bytes: packed, of the weights of all layers.
        bit_operations: multiply-accumulates of a sample times bits of weights times bits of activations.
        n: samples that it was measured on.
    """

    number: int
    state: str
    why: str
    choice: tuple[int, ...]
    name: str
    quality: float | None = None
    ci95: Interval | None = None
    metric: float | None = None
    weight_bytes: int = 0
    bit_operations: float = 0.0
    n: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether all layers have the same, and nothing else was changed."""
        return self.why == PLAIN

    def cost(self, name: str) -> float:
        """The second objective."""
        return float(self.weight_bytes if name == WEIGHT_BYTES else self.bit_operations)


@dataclass(frozen=True, slots=True)
class VerifiedTrial:
    """A recipe of the front, or a plain one, on samples that the search did not look at.

    Attributes:
        number: of the trial.
        quality: the first objective.
        ci95: of that.
        metric: value of the task's metric.
    """

    number: int
    quality: float
    ci95: Interval | None
    metric: float | None


@dataclass(frozen=True, slots=True, repr=False)
class JointReport(ShownReport, Wire):
    """What a joint search found.

    Attributes:
        model: the float model's name.
        data: the data set's name.
        question: what was asked.
        study: its name in the storage.
        storage: path of Optuna's journal file, which optuna-dashboard opens.
        unit: of losses: ``nats`` or ``relative``.
        metric_name: the task's metric; None where it has none.
        n: samples that trials were measured on.
        n_verified: samples that the front was verified on.
        parameters: what was chosen among.
        reference: costs of the recipe with all weights in int8, by name of the cost.
        trials: in their order.
        importance: share of each parameter, by objective (``quality``, ``cost``); of PED-ANOVA (Watanabe et al. 2023).
        verified: of the front, at the end.
        notes: one sentence each.
        float_metric: value of the task's metric of the float network on the ``n`` samples; None where it has none.
        float_verified: the same on the ``n_verified`` samples.
    """

    model: str
    data: str
    question: JointQuestion
    study: str
    storage: str
    unit: str
    metric_name: str | None
    n: int
    n_verified: int
    parameters: tuple[JointParameter, ...]
    reference: dict[str, float]
    trials: tuple[JointTrial, ...] = ()
    importance: dict[str, dict[str, float]] = field(default_factory=dict)
    verified: tuple[VerifiedTrial, ...] = ()
    notes: tuple[str, ...] = ()
    float_metric: float | None = None
    float_verified: float | None = None

    @property
    def measured(self) -> tuple[JointTrial, ...]:
        """Trials that were measured on all samples."""
        return tuple(trial for trial in self.trials if trial.state == "measured")

    def points(self) -> list[tuple[float, float]]:
        """Cost and quality of each measured trial."""
        return [(trial.cost(self.question.cost), float(trial.quality or 0.0)) for trial in self.measured]

    @property
    def front(self) -> tuple[JointTrial, ...]:
        """Measured trials that no other is better than in both objectives, the cheapest first."""
        return tuple(self.measured[at] for at in front_of(self.points()))

    def trial(self, number: int) -> JointTrial:
        """The trial with this number; raises KeyError."""
        return {trial.number: trial for trial in self.trials}[number]

    @property
    def chosen(self) -> JointTrial | None:
        """The cheapest of the front that loses no more than the first plain recipe, whose interval decides; where none
        does, the one that loses least. None before anything was measured."""
        front, plain = self.front, next((t for t in self.measured if t.is_plain), None)
        if not front:
            return None
        if plain is None or plain.quality is None:
            return min(front, key=lambda trial: trial.quality or 0.0)
        most = max(plain.quality, plain.ci95[1] if plain.ci95 else plain.quality)
        return next((trial for trial in front if (trial.quality or 0.0) <= most), front[-1])

    def recipe(self, trial: JointTrial) -> Recipe:
        """The ordinary recipe of a trial."""
        base = settled(self.question.space, Recipe.parse(self.question.recipe))
        return recipe_for(base, self.parameters, trial.choice, trial.number)
