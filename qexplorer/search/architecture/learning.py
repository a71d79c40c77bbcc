"""Short training of a small network: on labels, and on what a network that is there says of moved pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.dataset import Array
from qexplorer.quantize.changes.threads import one_thread

if TYPE_CHECKING:
    import torch

__all__ = ["NetworkLesson", "learn"]

_BATCH, _RATE, _DECAY = 32, 0.1, 5e-4
_HEAT = 2.0  # of both sides' probabilities (Hinton et al. 2015, section 2)
_TURN, _SCALE, _SHIFT, _NOISE = 0.17, 0.1, 0.12, 0.02  # radians, share, half pictures, standard deviation


@dataclass(frozen=True, slots=True, eq=False)
class NetworkLesson:
    """What is learned from.

    Attributes:
        pictures: float32 ``(n, channels, h, w)``.
        labels: class numbers ``(n,)``.
        teacher: path of a float network with the same input and classes.
        epochs: times that all are seen.
        seed: of everything.
    """

    pictures: Array
    labels: Array
    teacher: Path
    epochs: int
    seed: int


def learn(make: Callable[[], torch.nn.Module], lesson: NetworkLesson) -> torch.nn.Module:
    """Trains a network and returns it ready to be judged.

    SGD with Nesterov momentum and a rate of one cycle (Smith and Topin 2019). Half the loss is the labels', half the
    distance to the teacher's answers on the same moved pictures (Hinton, Vinyals and Dean 2015, section 2).

    Args:
        make: makes the network; called when all generators are seeded.
        lesson: what is learned from.
    """
    with one_thread():  # these networks are small
        return _learned(make, lesson)


def _learned(make: Callable[[], torch.nn.Module], lesson: NetworkLesson) -> torch.nn.Module:
    import torch
    from torch.nn import functional

    from qexplorer.torchgraph.executor import GraphModule

    torch.manual_seed(lesson.seed)
    generator = torch.Generator().manual_seed(lesson.seed)
    network = make()
    teacher = GraphModule(lesson.teacher).eval()
    x, y = torch.tensor(lesson.pictures), torch.tensor(lesson.labels).long()
    optimizer = torch.optim.SGD(network.parameters(), lr=_RATE, momentum=0.9, nesterov=True, weight_decay=_DECAY)
    steps = -(-len(x) // _BATCH) * lesson.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=max(steps, 2))
    network.train()
    for _ in range(lesson.epochs):
        for rows in torch.split(torch.randperm(len(x), generator=generator), _BATCH):
            pictures = _moved(x[rows], generator)
            with torch.no_grad():
                wanted = functional.log_softmax(teacher(pictures)[0] / _HEAT, 1)
            answers = network(pictures)
            apart = functional.kl_div(
                functional.log_softmax(answers / _HEAT, 1), wanted, reduction="batchmean", log_target=True
            )
            loss = 0.5 * functional.cross_entropy(answers, y[rows]) + 0.5 * _HEAT**2 * apart
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return network.eval()


def _moved(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A little turned, scaled and shifted, with a little noise."""
    import torch
    from torch.nn import functional

    r = torch.rand(len(pictures), 4, generator=generator) * 2 - 1
    angle, scale = r[:, 0] * _TURN, 1 + r[:, 1] * _SCALE
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cos, -sin, r[:, 2] * _SHIFT, sin, cos, r[:, 3] * _SHIFT], 1).view(len(r), 2, 3)
    grid = functional.affine_grid(rows, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, align_corners=False)
    return moved + _NOISE * torch.randn(moved.shape, generator=generator)
