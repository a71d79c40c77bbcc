"""Quantization-aware training: weights learn with the rounding in the way, and scales learn along.

Forward, every tensor is rounded as the quantized file rounds it; backward, rounding is passed straight through inside
the grid (Jacob et al. 2018, section 3; Bengio et al. 2013). Scales of weights and activations learn as in LSQ (Esser et
al. 2020, equation 3), zero points as in LSQ+ (Bhalgat et al. 2020) if asked. What is made small is the task's own loss
together with the distance to the float network's answers (knowledge distillation, Hinton et al. 2015); without labels
the distance alone.

Batch normalization is part of the convolution in front of it before training begins, with the statistics that the float
model was trained with: a model as it is deployed has none, and its integer kernels could not apply any. Its gains and
shifts learn as weights and biases.

What comes out are codes, grids and biases of the plan: the trained file is written, run and compared like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from qexplorer import __version__
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.quantize.changes.drafts import PlanDraft

__all__ = ["ENTRIES", "Qat", "QatOptions"]


class QatOptions(AlgorithmOptions):
    """How the network is trained."""

    epochs: int = Field(5, ge=1, le=1000, title="Epochs", description="Times that all calibration samples are seen.")
    until: int = Field(
        0,
        ge=0,
        le=1000,
        title="Stop after",
        description="Epoch after which it stops, on the way to all of them: what a stopped training leaves. 0: none.",
    )
    batch: int = Field(32, ge=1, le=4096, title="Batch", description="Samples of one step.")
    rate: float = Field(
        1e-3, ge=1e-7, le=1.0, title="Learning rate", description="Of weights; it falls to 0 along half a cosine."
    )
    scales: Literal["learned", "fixed"] = Field(
        "learned", title="Scales", description="Whether scales of weights and activations learn along (LSQ)."
    )
    grid_rate: float = Field(
        1e-2,
        ge=1e-6,
        le=1.0,
        title="Learning rate of scales",
        description="Share of its size that a scale moves a step.",
    )
    zero_points: Literal["learned", "fixed"] = Field(
        "fixed", title="Zero points", description="Whether zero points of activations learn along (LSQ+)."
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", title="Optimizer", description="AdamW, or SGD with momentum.")
    distillation: float = Field(
        0.5,
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
    seed: int = Field(0, ge=0, le=2**31, title="Seed", description="Of the order of samples.")


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
    after: tuple[str, ...] = ("hqq", "bias_correction")
    excludes: tuple[str, ...] = ("gptq", "adaround")
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: QatOptions) -> Mapping[str, str]:
        """Which layers will learn."""
        text = f"its weight will learn for {options.epochs} epochs on calibration data"
        return dict.fromkeys(draft.plan.constants, text)

    def change_plan(self, draft: PlanDraft, options: QatOptions) -> None:
        """Trains, and puts what was learned into the plan."""
        from qexplorer.core.tasks.choose import task_of
        from qexplorer.quantize.training.checkpoints import digest_of_state
        from qexplorer.quantize.training.engine import train
        from qexplorer.quantize.training.judging import Judge
        from qexplorer.quantize.training.losses import task_loss
        from qexplorer.quantize.training.network import QuantizedNetwork
        from qexplorer.quantize.training.options import TrainingOptions
        from qexplorer.quantize.training.recipes import without_until
        from qexplorer.quantize.training.watching import UNWATCHED

        if not draft.plan.constants:
            return
        data = draft.training
        learned = {"learn_scales": options.scales == "learned", "learn_zeros": options.zero_points == "learned"}
        network = QuantizedNetwork(draft, **learned)
        task = task_of(data)
        plain = options.model_dump(exclude={"scales", "zero_points"})
        labels = data.calibration.labels
        identity = [__version__, without_until(draft.recipe).digest, data.digest, digest_of_state(network)]
        trained = train(
            network,
            draft.model,
            data.calibration,
            task_loss(task.loss),
            TrainingOptions(**plain),
            classes=task.classes(draft.model.outputs),
            judge=Judge.of(task, draft.model),
            strata=None if labels is None else task.strata(labels),
            kept=workspace("training") / f"{digest_json(identity)}.pt",
            progress=draft.tell,
            watcher=draft.watcher or UNWATCHED,
        )
        said = network.settle(draft)
        how = f"trained for {len(trained.epochs) - 1} epochs, the state after epoch {trained.best} is kept"
        if trained.stopped:
            how += f", because {trained.stopped}"
        for layer in draft.plan.constants:
            draft.remark(layer, f"{how}; {said[layer]}" if layer in said else how)


ENTRIES = (Qat(),)
