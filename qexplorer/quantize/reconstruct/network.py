"""A plan as blocks that run one after the other: rounded as the file rounds, beside the float network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import dequantize, quantize
from qexplorer.graph.index import GraphIndex
from qexplorer.load.operators import QUANTIZABLE, OperatorKind
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.reconstruct.blocks import Block, blocks_of
from qexplorer.quantize.reconstruct.mixing import MixedRounding
from qexplorer.quantize.reconstruct.parts import part_of
from qexplorer.quantize.training.rounding.one_grid import softmax_outputs, with_one_scale
from qexplorer.quantize.training.rounding.open_graph import open_graph
from qexplorer.quantize.training.rounding.placing import LearningQuantizer, quantizer_of
from qexplorer.quantize.training.rounding.quantizers import FIXED, DynamicQuantizer, FixedValues, Learns
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["BlockNetwork", "LearnedWeight", "learned_weights"]


@dataclass(frozen=True, slots=True)
class LearnedWeight:
    """A weight that can learn how it is rounded.

    Attributes:
        key: of the plan's tensor.
        layers: those that read it on this grid, in execution order.
        position: the input that it is.
    """

    key: str
    layers: tuple[str, ...]
    position: int


def learned_weights(draft: PlanDraft) -> tuple[dict[str, LearnedWeight], dict[str, str]]:
    """The weights of layers that are on evenly spaced levels, by key, and why others are not taken, by layer."""
    plan, view = draft.plan, draft.view
    found: dict[str, LearnedWeight] = {}
    reasons: dict[str, str] = {}
    for layer in plan.layers:
        rule = QUANTIZABLE.get(layer.op)
        if rule is None or rule.kind is not OperatorKind.WEIGHTED or layer.name not in view.nodes:
            continue
        position = rule.weight_input
        key = plan.constants.get(layer.name, {}).get(position if position is not None else -1)
        if key is None or position is None:
            if layer.treatment != "float":
                reasons[layer.name] = "its weight is on no grid"
        elif not isinstance(plan.tensors[key].grid.format, UniformFormat):
            reasons[layer.name] = f"{plan.tensors[key].grid.format.name} has no even steps"
        else:
            first = found.get(key, LearnedWeight(key, (), position))
            found[key] = LearnedWeight(key, (*first.layers, layer.name), first.position)
    return found, reasons


class BlockNetwork:
    """The blocks of a plan, each of which can be made a module that rounds, or one that does not.

    Args:
        draft: the plan; it is not changed.
        weights: what can learn, by key.
        chain: weights that layers in a row have together in a block, at most.
        whole: take the network as one block.
        drop: share of the activations that are not rounded while a block learns.
        scales: whether scales of activations can learn.
        generator: of the chance by which activations are dropped.
    """

    def __init__(
        self,
        draft: PlanDraft,
        weights: dict[str, LearnedWeight],
        *,
        chain: int,
        whole: bool = False,
        drop: float,
        scales: bool,
        generator: torch.Generator,
    ) -> None:
        self._draft, self._opened = draft, open_graph(draft.model, draft.recipe, draft.plan)
        self._view, self._proto = GraphIndex(self._opened.proto), draft.model.proto()
        self._float = draft.view
        self._fixed = self._fixed_constants(weights)
        self.activations = self._activations(drop, scales, generator)
        opened = self._opened
        learned = [name for name, key in opened.constants.items() if key in weights]
        roundings = {*opened.constants, *opened.activations, *opened.dynamic}
        allowed = {name for name in self._view.made_at if self.twin(name) in self._float.made_at}
        allowed = set() if whole else {name for name in allowed if self._view.types.get(name, 1) == 1}
        self.blocks: list[Block] = blocks_of(self._view, roundings, learned, allowed, chain)

    def keys(self, block: Block) -> list[str]:
        """Of the weights that a block is the first to read."""
        return [self._opened.constants[name] for name in block.weights]

    def module(self, block: Block, constants: dict[str, nn.Module]) -> GraphModule:
        """What a block computes with everything rounded; ``constants`` stand for weights, by key."""
        starts = [] if block.start is None else [block.start]
        proto = part_of(self._opened.proto, self._view, starts, block.ends)
        made = {name for node in proto.graph.node for name in node.output}
        given = self._fixed | constants
        modules = {name: given[key] for name, key in self._opened.constants.items() if name in made and key in given}
        modules |= {name: self.activations[name] for name in self._opened.activations if name in made}
        modules |= {name: DynamicQuantizer() for name in self._opened.dynamic if name in made}
        return GraphModule(proto, modules=modules)

    def floats(self, block: Block) -> GraphModule:
        """What the float network computes between the same tensors, in the order of ``block.ends``."""
        starts = [] if block.start is None else [self.twin(block.start)]
        return GraphModule(part_of(self._proto, self._float, starts, [self.twin(name) for name in block.ends]))

    def in_block(self, module: GraphModule) -> dict[str, MixedRounding]:
        """The rounding points of activations in a block, by key of the plan's tensor."""
        inside = {id(each) for each in module.modules()}
        return {self._opened.activations[name]: each for name, each in self.activations.items() if id(each) in inside}

    def key_of(self, name: str) -> str:
        """Key of the plan's activation that is rounded at ``name``."""
        return self._opened.activations[name]

    def twin(self, name: str) -> str:
        """What a tensor of the open graph is called in the float model."""
        return self._opened.activations.get(name, name)

    def _fixed_constants(self, weights: dict[str, LearnedWeight]) -> dict[str, nn.Module]:
        found: dict[str, nn.Module] = {}
        plan = self._draft.plan
        for layer, keys in plan.constants.items():
            for position, key in keys.items():
                tensor = plan.tensors[key]
                if key in found or key in weights or key not in self._opened.sources or tensor.kind == "bias":
                    continue
                values = self._draft.values(layer, position)
                assert values is not None, "what is on a grid is a constant"
                codes = quantize(values, tensor.grid) if tensor.codes is None else tensor.codes
                found[key] = FixedValues(dequantize(codes, tensor.grid))
        return found

    def _activations(self, drop: float, scales: bool, generator: torch.Generator) -> dict[str, MixedRounding]:
        plan, view = self._draft.plan, self._draft.view
        shared, still = with_one_scale(plan, view), softmax_outputs(view)
        leaders: dict[str, LearningQuantizer] = {}
        found: dict[str, MixedRounding] = {}
        for name, key in self._opened.activations.items():
            first = shared.get(key, key)
            if first not in leaders:
                learns = Learns() if scales and first not in still else FIXED
                leaders[first] = quantizer_of(plan.tensors[first].grid, learns=learns)
            quantizer = quantizer_of(plan.tensors[key].grid, like=leaders[first])
            bounds = self._opened.bounds.get(name, (-float("inf"), float("inf")))
            found[name] = MixedRounding(quantizer, bounds, drop, generator)
        return found
