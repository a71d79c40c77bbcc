"""What both networks hold at the end of a block, batch by batch: the float one, and the one that rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.observe.collecting.stream import batches
from qexplorer.quantize.reconstruct.mixing import mixed
from qexplorer.torchgraph.dtypes import tensor_of
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["Flow", "error_of"]


@dataclass(slots=True)
class Flow:
    """Samples on their way through both networks.

    Attributes:
        feeds: inputs of the graph, a mapping for each batch.
        real: what the float network holds where the next block starts; empty before the first.
        rounded: the same of the network that rounds.
        wanted: what the float network holds where the block ends, a tensor for each end.
    """

    feeds: list[dict[str, Tensor]]
    real: list[Tensor] = field(default_factory=list)
    rounded: list[Tensor] = field(default_factory=list)
    wanted: list[tuple[Tensor, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, model: Model, split: Split, batch: int) -> Flow:
        """The samples in batches; a model with a fixed batch has that."""
        given = batches(model, split, batch)
        return cls([{name: tensor_of(np.ascontiguousarray(x)) for name, x in feeds.items()} for feeds, _ in given])

    def given(self, module: GraphModule, start: str | None, place: int, *, real: bool = False) -> list[Tensor]:
        """What a block is fed in one batch."""
        own = (self.real if real else self.rounded)[place] if start is not None else None
        return [own if name == start and own is not None else self.feeds[place][name] for name in module.input_names]

    def between(self, module: GraphModule, start: str | None, place: int, drop: float,
                generator: torch.Generator) -> list[Tensor]:  # fmt: skip
        """The same while it learns: a share ``drop`` of the values is the float network's (QDrop)."""
        found = self.given(module, start, place)
        if start is None or not drop or start not in module.input_names:
            return found
        at = module.input_names.index(start)
        found[at] = mixed(found[at], self.real[place], drop, generator)
        return found

    def want(self, module: GraphModule, start: str | None) -> None:
        """Runs the float network's part, in which the start is called ``start``."""
        with torch.no_grad():
            self.wanted = [module(*self.given(module, start, i, real=True)) for i in range(len(self.feeds))]

    def errors(self, module: nn.Module, start: str | None, powers: Sequence[float]) -> float:
        """The error of the block's ends, as a share of their mean squares, in the mean over them."""
        total = 0.0
        with torch.no_grad():
            for place, wanted in enumerate(self.wanted):
                found = module(*self.given(module, start, place))  # type: ignore[arg-type]
                total += float(error_of(found, wanted, powers))
        return total / max(len(self.feeds), 1)

    def powers(self) -> list[float]:
        """Mean squares of what is wanted, 0 for ends that are no floats."""
        if not self.wanted:
            return []
        ends = zip(*self.wanted, strict=True)
        return [_power(each) if each[0].is_floating_point() else 0.0 for each in ends]

    def go_on(self, module: GraphModule, start: str | None) -> None:
        """Both networks go on to the block's first end."""
        with torch.no_grad():
            found = [module(*self.given(module, start, i))[0] for i in range(len(self.feeds))]
        self.rounded, self.real = found, [each[0] for each in self.wanted]


def error_of(found: Sequence[Tensor], wanted: Sequence[Tensor], powers: Sequence[float]) -> Tensor:
    """Squared errors in units of ``powers``, the mean over ends that have one."""
    terms = [
        nn.functional.mse_loss(one, other) / power
        for one, other, power in zip(found, wanted, powers, strict=True)
        if power > 0
    ]
    return torch.stack(terms).mean() if terms else torch.zeros(())


def _power(values: Sequence[Tensor]) -> float:
    squares = sum(float(each.double().square().sum()) for each in values)
    return squares / max(sum(each.numel() for each in values), 1)
