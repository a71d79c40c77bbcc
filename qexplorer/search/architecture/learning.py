"""Short training of a small network on a trained network's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.quantize.changes.threads import one_thread
from qexplorer.search.architecture.taught import Taught

if TYPE_CHECKING:
    import torch

__all__ = ["NetworkLesson", "learn"]

_BATCH, _RATE, _DECAY = 64, 0.4, 5e-4
_HEAT = 2.0  # of both sides' probabilities (Hinton et al. 2015, section 2)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkLesson:
    """What is learned from.

    Attributes:
        taught: pictures with the answers that are wanted.
        epochs: times that all are seen.
        seed: of everything.
    """

    taught: Taught
    epochs: int
    seed: int


def learn(
    make: Callable[[], torch.nn.Module], lesson: NetworkLesson, told: Callable[[], object] = lambda: None
) -> torch.nn.Module:
    """Trains a network and returns it ready to be judged.

    SGD with Nesterov momentum and a rate of one cycle (Smith and Topin 2019); the loss is the Kullback-Leibler
    divergence from the teacher's answers (Hinton, Vinyals and Dean 2015, section 2).

    Args:
        make: makes the network; called when all generators are seeded.
        lesson: what is learned from.
        told: called after each epoch.
    """
    with one_thread():  # these networks are small
        return _learned(make, lesson, told)


def _learned(make: Callable[[], torch.nn.Module], lesson: NetworkLesson, told: Callable[[], object]) -> torch.nn.Module:
    import torch
    from torch.nn import functional

    torch.manual_seed(lesson.seed)
    generator = torch.Generator().manual_seed(lesson.seed)
    kept = torch.channels_last  # faster, most of all where a layer filters each channel alone
    network = make()
    network.to(memory_format=kept)  # type: ignore[call-overload]  # torch declares three of its four
    x = torch.tensor(lesson.taught.pictures)
    wanted = functional.log_softmax(torch.tensor(lesson.taught.answers) / _HEAT, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=_RATE, momentum=0.9, nesterov=True, weight_decay=_DECAY)
    steps = -(-len(x) // _BATCH) * lesson.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=max(steps, 2))
    network.train()
    for _ in range(lesson.epochs):
        for rows in torch.split(torch.randperm(len(x), generator=generator), _BATCH):
            answers = network(x[rows].float().contiguous(memory_format=kept))
            loss = _HEAT**2 * functional.kl_div(
                functional.log_softmax(answers / _HEAT, 1), wanted[rows], reduction="batchmean", log_target=True
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        told()
    return network.eval()
