"""Quantization-aware training: weights learn with the rounding in the way, and scales learn along.

Forward, every tensor is rounded as the quantized file rounds it; backward, rounding is passed straight through inside
the grid (Jacob et al. 2018, section 3; Bengio et al. 2013). Scales of weights and activations learn as in LSQ (Esser et
al. 2020, equation 3), zero points as in LSQ+ (Bhalgat et al. 2020) if asked. What is made small is the task's own loss
together with the distance to the float network's answers (knowledge distillation, Hinton et al. 2015); without labels
the distance alone. Before the first step scales of weights get the size with the least squared error, from where few
bits have not far to go.

Batch normalization is part of the convolution in front of it before training begins, with the statistics that the float
model was trained with: a model as it is deployed has none, and its integer kernels could not apply any. Its gains and
shifts learn as weights and biases.

What comes out are codes, grids and biases of the plan: the trained file is written, run and compared like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from qexplorer import __version__
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Batch, Seed
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.quantize.changes.drafts import PlanDraft

if TYPE_CHECKING:
    from qexplorer.quantize.training.options import TrainingOptions
    from qexplorer.quantize.training.rounding.quantizers import Learns

__all__ = ["ENTRIES", "Qat", "QatOptions"]


class QatOptions(AlgorithmOptions):
    """How the network is trained."""

    epochs: int = Field(20, ge=1, le=1000, title="Epochs", description="Times that all calibration samples are seen.")
    until: int = Field(
        0,
        ge=0,
        le=1000,
        title="Stop after",
        description="Epoch after which it stops, on the way to all of them: what a stopped training leaves. 0: none.",
    )
    batch: Batch = Field(32, le=4096)
    rate: float = Field(
        1e-3,
        ge=1e-7,
        le=1.0,
        title="Learning rate",
        description="Of weights.",
        json_schema_extra={"step": 1e-4},
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", title="Schedule", description="How rates fall to 0: along half a cosine, a line, or not at all."
    )
    warm_up: float = Field(
        0.0, ge=0.0, le=0.5, title="Warm-up", description="Share of the steps in which rates rise from 0 first."
    )
    scales: Literal["learned", "range", "power_of_two", "fixed"] = Field(
        "learned",
        title="Scales",
        description="Whether scales learn along (LSQ), both ends of ranges do, scales as powers of two, or nothing.",
    )
    grid_rate: float = Field(
        1e-2,
        ge=1e-6,
        le=1.0,
        title="Learning rate of scales",
        description="Share of its size that a scale, or of its width that a range, moves a step.",
        json_schema_extra={"step": 1e-3},
    )
    zero_points: Literal["learned", "fixed"] = Field(
        "fixed", title="Zero points", description="Whether zero points of activations learn along (LSQ+)."
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", title="Optimizer", description="AdamW, or SGD with momentum.")
    weight_decay: float = Field(
        1e-4,
        ge=0.0,
        le=1.0,
        title="Weight decay",
        description="Share of the learning rate by which weights shrink.",
    )
    clip: float = Field(
        0.0, ge=0.0, le=1e6, title="Clip gradients", description="Largest norm of all weights' gradients. 0: none."
    )
    stages: str = Field(
        "",
        pattern=r"^( *([2-9]|1[0-6]) *(, *([2-9]|1[0-6]) *)*)?$",
        title="Stages",
        description="Widths on the way to the recipe's own, such as 8,6: each for an equal part of the epochs.",
    )
    patience: int = Field(
        0,
        ge=0,
        le=1000,
        title="Patience",
        description="Epochs without a better state (metric, then loss) after which it ends. 0: never.",
    )
    distillation: float = Field(
        0.9,
        ge=0.0,
        le=1.0,
        title="Distillation",
        description="Weight of the distance to the float model's answers; the loss on labels has the rest.",
    )
    temperature: float = Field(
        2.0,
        ge=0.1,
        le=100.0,
        title="Temperature",
        description="Of distillation: above 1, unlikely classes count for more.",
    )
    inner: float = Field(
        0.0,
        ge=0.0,
        le=1000.0,
        title="Distillation by layer",
        description="Weight of the distance to inner activations of the float model, beside the answers.",
    )
    inner_layers: int = Field(
        4, ge=1, le=256, title="Layers compared", description="Inner activations, spread evenly over the network."
    )
    damping: float = Field(
        0.0,
        ge=0.0,
        le=1000.0,
        title="Damping",
        description="Weight of a term against weights that swing between two levels; helps with 4 bits and fewer.",
    )
    held_back: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        title="Held back",
        description="Share of the calibration samples that is not learned from and chooses the best epoch.",
    )
    seed: Seed = Field(0, description="Of the order of samples.")


@dataclass(frozen=True, slots=True)
class Qat:
    """Trains weights and scales with the rounding in the way."""

    name: str = "qat"
    title: str = "Quantization-aware training"
    description: str = (
        "Trains weights and scales on the calibration samples with the rounding in the way, the float model as the "
        "teacher; wins most back with 4 bits and fewer, and takes longest."
    )
    source: str = (
        "Jacob et al. 2018, Quantization and training of neural networks for efficient integer-arithmetic-only "
        "inference; Esser et al. 2020, Learned step size quantization"
    )
    options: type[AlgorithmOptions] = QatOptions
    needs: Needs = Needs.DATA | Needs.GRADIENTS
    decides: Decides = Decides.CODES | Decides.SCALES | Decides.TRAINED
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: QatOptions) -> Mapping[str, str]:
        """Which layers will learn."""
        text = f"its weight will learn for {options.epochs} epochs on calibration data"
        return dict.fromkeys(draft.plan.constants, text)

    def change_plan(self, draft: PlanDraft, options: QatOptions) -> None:
        """Trains, and puts what was learned into the plan."""
        from qexplorer.core.tasks.choose import task_of
        from qexplorer.load.outputs import threshold_of
        from qexplorer.quantize.training.checkpoints import digest_of_state
        from qexplorer.quantize.training.engine import train
        from qexplorer.quantize.training.judging import Judge
        from qexplorer.quantize.training.lesson_checks import class_axis
        from qexplorer.quantize.training.losses import task_loss
        from qexplorer.quantize.training.network import QuantizedNetwork
        from qexplorer.quantize.training.recipes import without_until
        from qexplorer.quantize.training.watching import UNWATCHED

        if not draft.plan.constants:
            return
        data, model = draft.training, draft.model
        network = QuantizedNetwork(draft, learns=_learns(options))
        task, labels = task_of(data), data.calibration.labels
        identity = [__version__, without_until(draft.recipe).digest, data.digest, digest_of_state(network)]
        trained = train(
            network,
            model,
            data.calibration,
            task_loss(task.loss, probability=threshold_of(model) == 0.5),
            _training_options(options),
            axis=class_axis(task, model.outputs),
            judge=Judge.of(task, model),
            strata=None if labels is None else task.strata(labels),
            kept=workspace("training") / f"{digest_json(identity)}.pt",
            progress=draft.tell,
            watcher=draft.watcher or UNWATCHED,
        )
        said = network.settle(draft)
        how = f"trained for {len(trained.epochs) - 1} epochs, the state after epoch {trained.best} is kept"
        if trained.stopped:
            how += f"; it ended early, because {trained.stopped}"
        for layer in draft.plan.constants:
            draft.remark(layer, f"{how}; {said[layer]}" if layer in said else how)


def _learns(options: QatOptions) -> Learns:
    from qexplorer.quantize.training.rounding.quantizers import FIXED, Learns

    if options.scales == "fixed":
        return FIXED
    zero = options.zero_points == "learned"
    return Learns(zero=zero, ends=options.scales == "range", power=options.scales == "power_of_two")


def _training_options(options: QatOptions) -> TrainingOptions:
    from qexplorer.quantize.training.options import TrainingOptions
    from qexplorer.quantize.training.recipes import widths

    plain = options.model_dump(exclude={"scales", "zero_points", "stages"})
    return TrainingOptions(**plain, stages=widths(options.stages))


ENTRIES = (Qat(),)
