"""The loop: block after block learns to give the float network's outputs again, and the plan gets what came out.

What a block is fed is what the network so far makes of it, rounded. Its objective is the squared error at its end,
over all samples; at a few points on the way it is looked at with everything rounded, and the best state stays. The
first of these is rounding to nearest, so that no block is worse than that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.grid import Float32, Grid, Int32
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions
from qexplorer.load.datasets.sampling import SEED
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.reconstruct.blocks import Block
from qexplorer.quantize.reconstruct.choices import WeightChoice
from qexplorer.quantize.reconstruct.flow import Flow, error_of
from qexplorer.quantize.reconstruct.mixing import MixedRounding
from qexplorer.quantize.reconstruct.network import BlockNetwork, LearnedWeight, learned_weights
from qexplorer.quantize.reconstruct.settle import LearnedCodes, remark_on, settle
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["LearningEffort", "Method", "foretold", "reconstruct"]

_CHECKS = 4
"""Times that the objective is looked at while a block learns."""

_ROOM = 2**30
"""Bytes that tensors kept between blocks may have."""


@dataclass(frozen=True, slots=True)
class Method:
    """What learns, and how.

    Attributes:
        title: of the algorithm, as the plan names it.
        choice: what stands for a weight, given its values, its grid and its least scales; None: weights stay as they
            are.
        optimizer: of what learns of weights, and of scales of activations; either may be empty.
        pace: sets the optimizer's rates after a share of the steps.
        pull: weight of what the choices add to the loss, in units of the error of nearest rounding.
    """

    title: str
    choice: Callable[[Float32, Grid, Float32], WeightChoice] | None
    optimizer: Callable[[list[nn.Parameter], list[nn.Parameter]], torch.optim.Optimizer]
    pace: Callable[[torch.optim.Optimizer, float], None]
    pull: float = 0.0


@dataclass(frozen=True, slots=True)
class LearningEffort:
    """How long is learned, and from how much.

    Attributes:
        samples: calibration samples, at most.
        steps: for each block.
        batch: samples of a step.
        chain: layers in a row that are one block, at most.
        whole: take the network as one block.
        drop: share of the activations that are not rounded while a block learns.
        scales: whether scales of activations learn.
        seed: of batches and of chance.
    """

    samples: int
    steps: int
    batch: int = 32
    chain: int = 1
    whole: bool = False
    drop: float = 0.0
    scales: bool = False
    seed: int = 0

    @classmethod
    def of(cls, options: AlgorithmOptions, **more: bool) -> LearningEffort:
        """The effort that an algorithm's options ask for: those that are called as a field here, and ``more``."""
        return cls(**options.model_dump(include={field.name for field in fields(cls)} - set(more)), **more)


def foretold(draft: PlanDraft, title: str, what: str) -> Mapping[str, str]:
    """What the algorithm called ``title`` will do to each layer, as clauses: ``what``, or why not."""
    weights, reasons = learned_weights(draft)
    will = {layer: f"{title} {what}" for each in weights.values() for layer in each.layers}
    return will | {layer: _left(title, why) for layer, why in reasons.items()}


def reconstruct(draft: PlanDraft, method: Method, effort: LearningEffort) -> None:
    """Lets every block of a plan learn, and puts codes and grids into the plan.

    Raises:
        ModelError: an operator of a block has no kernel in torch.
    """
    weights, reasons = learned_weights(draft)
    for layer, why in reasons.items():
        draft.remark(layer, _left(method.title, why))
    if not weights:
        return
    generator = torch.Generator().manual_seed(effort.seed)
    rules = {"chain": effort.chain, "whole": effort.whole, "drop": effort.drop, "scales": effort.scales}
    network = BlockNetwork(draft, weights, **rules, generator=generator)  # type: ignore[arg-type]
    draft.tell(f"{method.title}, running the float network", 0.0)
    flow = Flow.of(draft.model, draft.calibration_of(_samples(draft, network, effort)), effort.batch)
    chosen: dict[str, LearnedCodes] = {}
    modules: dict[str, nn.Module] = {}
    for number, block in enumerate(network.blocks):
        keys = network.keys(block)
        learner = _Learner(draft, method, effort, network, {key: weights[key] for key in keys}, generator)
        learner.learn(block, modules, flow, number / len(network.blocks), 1 / len(network.blocks))
        chosen |= learner.outcomes
        modules |= learner.fixed()
        for key in keys:
            remark_on(draft, method.title, weights[key].layers, learner.outcomes[key])
    settle(draft, network, weights, chosen)


def _left(title: str, why: str) -> str:
    return f"{title} left its weight as it was: {why}"


def _samples(draft: PlanDraft, network: BlockNetwork, effort: LearningEffort) -> int:
    """As many samples as are asked for, or fewer where what is kept between blocks would not fit into memory."""
    flow = Flow.of(draft.model, draft.calibration_of(effort.batch), effort.batch)
    largest = 1
    for block in network.blocks:
        start = None if block.start is None else network.twin(block.start)
        module = network.floats(block)
        flow.want(module, start)
        wanted = sum(each.numel() * each.element_size() for each in flow.wanted[0])
        held = sum(each[0].numel() * each[0].element_size() for each in (flow.real, flow.rounded) if each)
        largest = max(largest, (wanted + held) * 2)
        flow.go_on(module, start)
    fed = len(next(iter(flow.feeds[0].values())))
    return max(min(effort.samples, _ROOM // largest * fed), 1)


class _Learner:
    """One block while it learns."""

    def __init__(
        self,
        draft: PlanDraft,
        method: Method,
        effort: LearningEffort,
        network: BlockNetwork,
        weights: dict[str, LearnedWeight],
        generator: torch.Generator,
    ) -> None:
        self._draft, self._method, self._effort = draft, method, effort
        self._network, self._weights, self._generator = network, weights, generator
        self.outcomes: dict[str, LearnedCodes] = {}
        self._choices = {key: self._choice(each) for key, each in weights.items()}

    def _choice(self, weight: LearnedWeight) -> WeightChoice:
        layer, grid = weight.layers[0], self._draft.plan.tensors[weight.key].grid
        values = self._draft.values(layer, weight.position)
        assert values is not None, "what is on a grid is a constant"
        least = np.asarray(self._draft.smallest_scale(layer, weight.position), np.float32)
        return (self._method.choice or WeightChoice)(values, grid, least)

    def fixed(self) -> dict[str, nn.Module]:
        """Weights as they came out, for the blocks that read them later."""
        return dict(self._choices)

    def learn(self, block: Block, earlier: dict[str, nn.Module], flow: Flow, done: float, share: float) -> None:
        """Learns, leaves the best state, and takes the samples to the end of the block."""
        network = self._network
        floats, start = network.floats(block), block.start
        flow.want(floats, None if start is None else network.twin(start))
        module = network.module(block, earlier | dict(self._choices))
        inside = network.in_block(module)
        powers = flow.powers()
        state = _State(self._choices, inside)
        state.saw(flow.errors(module, start, powers), {key: each.nearest() for key, each in self._choices.items()})
        parameters = [p for each in self._choices.values() for p in each.parameters()]
        scales = [each.log_scale for each in inside.values() if each.log_scale is not None]
        scales = list({id(each): each for each in scales}.values()) if self._effort.scales else []
        if (parameters or scales) and state.first > 0:
            self._descend(module, start, flow, powers, state, parameters, scales, (done, share))
        state.restore()
        layers = tuple(dict.fromkeys(layer for each in self._weights.values() for layer in each.layers))
        moved = state.moved()
        before, after = float(np.sqrt(state.first)), float(np.sqrt(state.least))
        for key, (codes, grid) in state.best.items():
            others = float(np.mean(codes != self._choices[key].nearest()[0])) if codes.size else 0.0
            self.outcomes[key] = LearnedCodes(codes, grid, layers, before, after, others, moved)
        flow.go_on(module, start)

    def _descend(
        self,
        module: GraphModule,
        start: str | None,
        flow: Flow,
        powers: list[float],
        state: _State,
        parameters: list[nn.Parameter],
        scales: list[nn.Parameter],
        told: tuple[float, float],
    ) -> None:
        steps, method, effort = self._effort.steps, self._method, self._effort
        optimizer = method.optimizer(parameters, scales)
        order = _order(len(flow.feeds), steps, effort.seed)
        name = next((layer for each in self._weights.values() for layer in each.layers), "")
        for step in range(steps):
            if step % 10 == 0:
                gain = f", error {np.sqrt(state.least):.3g} of the output's size, nearest {np.sqrt(state.first):.3g}"
                self._draft.tell(f"{method.title}, '{name}'{gain}", told[0] + told[1] * step / steps)
            state.learn()
            method.pace(optimizer, step / steps)
            optimizer.zero_grad()
            given = flow.between(module, start, order[step], effort.drop, self._generator)
            loss = error_of(module(*given), flow.wanted[order[step]], powers) / state.first
            if method.pull:
                loss = loss + method.pull * self._pull(step / steps)
            if not torch.isfinite(loss):
                break
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if (step + 1) % max(steps // _CHECKS, 1) == 0 or step + 1 == steps:
                codes = {key: each.settled() for key, each in self._choices.items()}
                state.hold(codes)
                state.saw(flow.errors(module, start, powers), codes)

    def _pull(self, share: float) -> Tensor:
        """The mean over all weights of the block."""
        total = sum(each.values.size for each in self._choices.values())
        parts = [each.pull(share) * (each.values.size / total) for each in self._choices.values()]
        return torch.stack(parts).sum() if parts else torch.zeros(())


class _State:
    """The best state of a block so far: codes and grids of its weights, scales of its activations."""

    def __init__(self, choices: dict[str, WeightChoice], inside: dict[str, MixedRounding]) -> None:
        self._choices, self._inside = choices, inside
        self.best: dict[str, tuple[Int32, Grid]] = {}
        self.first = self.least = float("inf")
        self._scales: dict[str, Tensor] = {}
        self.hold({key: each.nearest() for key, each in choices.items()})

    def hold(self, codes: Mapping[str, tuple[Int32, Grid]]) -> None:
        """Everything is rounded: weights to these codes."""
        for key, found in codes.items():
            self._choices[key].hold(*found)
        for each in self._inside.values():
            each.mixing = False

    def learn(self) -> None:
        """Weights give what is learned, and activations are dropped."""
        for choice in self._choices.values():
            choice.release()
        for each in self._inside.values():
            each.mixing = True

    def saw(self, error: float, codes: dict[str, tuple[Int32, Grid]]) -> None:
        """Keeps the state that was looked at if it is the best."""
        if not self.best:
            self.first = error
        if not self.best or error < self.least:
            self.least, self.best = error, codes
            self._scales = {key: p.detach().clone() for key, p in self._parameters().items()}

    def restore(self) -> None:
        """Everything is rounded as in the best state."""
        self.hold(self.best)
        with torch.no_grad():
            for key, parameter in self._parameters().items():
                parameter.copy_(self._scales[key])

    def moved(self) -> tuple[float, ...]:
        """Factors by which scales of activations moved, those that did."""
        factors = [float(torch.exp(p.detach()).mean()) for p in self._parameters().values()]
        return tuple(each for each in factors if each != 1)

    def _parameters(self) -> dict[str, nn.Parameter]:
        found = {key: each.log_scale for key, each in self._inside.items()}
        return {key: p for key, p in found.items() if p is not None}


def _order(batches: int, steps: int, seed: int) -> list[int]:
    """Which batch each step takes: all of them once in a mixed order, then again."""
    random = np.random.default_rng([SEED, seed])
    rounds = [random.permutation(batches) for _ in range(-(-steps // batches))]
    return [int(each) for each in np.concatenate(rounds)[:steps]]
