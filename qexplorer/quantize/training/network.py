"""The network that is trained: the open graph with quantizers at its rounding points, and the way back to a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Grid, dequantize, fake_quantize, quantize
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.plan_types import Plan, TensorPlan
from qexplorer.quantize.training.one_grid import softmax_outputs, with_one_scale
from qexplorer.quantize.training.open_graph import OpenGraph, open_graph
from qexplorer.quantize.training.quantizers import DynamicQuantizer, FixedValues, GridQuantizer
from qexplorer.torchgraph.executor import GraphModule
from qexplorer.torchgraph.graph import graph_of
from qexplorer.torchgraph.weights import float_weights

__all__ = ["QuantizedNetwork"]


class QuantizedNetwork(nn.Module):
    """A plan as a torch module whose weights learn, and scales and zero points if asked.

    Weights start at their float values. Biases learn in float: their int32 codes are finer than anything that counts.

    Args:
        draft: the plan; it is not changed before :meth:`settle`.
        learn_scales: whether scales of weights and activations learn.
        learn_zeros: whether zero points of activations that have one learn.
    """

    def __init__(self, draft: PlanDraft, *, learn_scales: bool, learn_zeros: bool = False) -> None:
        super().__init__()
        self._opened = open_graph(draft.model, draft.recipe, draft.plan)
        weights = float_weights(graph_of(self._opened.proto))
        self._constants = _constant_quantizers(self._opened, draft, weights if learn_scales else ())
        self._activations = _activation_quantizers(self._opened, draft, learn_scales, learn_zeros)
        points = self._opened.constants.items()
        modules: dict[str, nn.Module] = {name: self._constants[key] for name, key in points if key in self._constants}
        modules |= {name: self._activations[key] for name, key in self._opened.activations.items()}
        modules |= {name: DynamicQuantizer() for name in self._opened.dynamic}
        held = {draft.plan.tensors[key].name for key, each in self._constants.items() if isinstance(each, FixedValues)}
        self._trained = tuple(name for name in weights if name not in held)
        self._places = {
            layer: key
            for layer, position, key in _uses(draft.plan)
            if position == 1
            and isinstance(self._constants.get(key), GridQuantizer)
            and self._opened.sources[key] in self._trained
        }
        self.graph = GraphModule(self._opened.proto, trainable=self._trained, modules=modules)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of ``forward``."""
        return self.graph.input_names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs with everything rounded."""
        found: tuple[Tensor, ...] = self.graph(*inputs)
        return found

    def of_grids(self) -> list[nn.Parameter]:
        """What learns of scales and zero points."""
        modules = (*self._constants.values(), *self._activations.values())
        return list(dict.fromkeys(each for module in modules for each in module.parameters()))

    def of_constants(self) -> list[nn.Parameter]:
        """What learns of weights, biases and other constants."""
        return [self.graph.parameter(name) for name in self._trained]

    def wavering(self) -> Tensor:
        """Mean squared distance, in steps, of weights inside their grid from the level that they round to.

        It damps weights that swing between two levels (Nagel et al. 2022, Overcoming oscillations, equation 5).
        """
        total, count = torch.zeros(()), 0
        for quantizer, values in self._weights():
            off = (values - quantizer(values).detach()) / quantizer.steps_of(values)
            total = total + off.clamp(-0.5, 0.5).square().sum()
            count += values.numel()
        return total / max(count, 1)

    def _weights(self) -> Iterator[tuple[GridQuantizer, nn.Parameter]]:
        for key, quantizer in self._constants.items():
            name = self._opened.sources[key]
            if isinstance(quantizer, GridQuantizer) and name in self._trained:
                yield quantizer, self.graph.parameter(name)

    def layers(self) -> tuple[str, ...]:
        """Layers whose weight is on a grid and learns, in the order of execution (see ``watching.Watched``)."""
        return tuple(self._places)

    def look(self, layer: str) -> tuple[Float32, Grid]:
        """The float weights of one of these layers as they are now, and the grid that they are rounded to."""
        key = self._places[layer]
        values = self.graph.parameter(self._opened.sources[key]).detach().cpu().numpy()
        quantizer = self._constants[key]
        assert isinstance(quantizer, GridQuantizer), "only what learns is among the layers"
        return np.array(values, np.float32), quantizer.grid()

    def ratios(self) -> dict[str, float]:
        """By tensor, the geometric mean of its learned scales as multiples of those at the start."""
        modules = {**self._constants, **self._activations}
        logs = {key: each.log_scale for key, each in modules.items() if isinstance(each, GridQuantizer)}
        return {key: float(torch.exp(log.detach().mean())) for key, log in logs.items() if log is not None}

    def settle(self, draft: PlanDraft) -> dict[str, str]:
        """Puts what was learned into the plan: grids, codes of weights, biases and other float constants.

        Returns:
            By layer, a clause on what became of its weight.
        """
        for key in sorted(set(self._opened.activations.values())):
            draft.set_grid(key, self._activations[key].grid())
        said: dict[str, str] = {}
        done: set[str] = set()
        plan = draft.plan
        for layer, position, key in _uses(plan):
            quantizer, tensor = self._constants.get(key), plan.tensors[key]
            if isinstance(quantizer, FixedValues):
                said[layer] = f"its weight did not learn: {tensor.grid.format.name} has no even steps"
            elif quantizer is not None and tensor.name in self._trained and key not in done:
                said[layer] = self._set_codes(draft, layer, position, key, quantizer)
                done.add(key)
        for name in self._trained:
            learned = np.asarray(self.graph.parameter(name).detach().cpu().numpy(), np.float32)
            for layer, position in _readers(draft, name):
                tensor_plan = _plan_of(draft.plan, layer, position)
                if tensor_plan is None or tensor_plan.kind == "bias":
                    draft.set_constant(layer, position, learned, tensor=tensor_plan)
        return said

    def _set_codes(self, draft: PlanDraft, layer: str, position: int, key: str, quantizer: GridQuantizer) -> str:
        learned = np.asarray(self.graph.parameter(self._opened.sources[key]).detach().cpu().numpy(), np.float32)
        old, found = draft.plan.tensors[key].grid, quantizer.grid()
        least = np.nextafter(draft.smallest_scale(layer, position).astype(np.float32), np.float32(np.inf))
        grid = replace(found, scale=np.asarray(np.maximum(found.scale, least), np.float32))
        before = draft.values(layer, position)
        assert before is not None, "what is on a grid is a constant"
        codes = quantize(learned, grid)
        moved = np.mean(codes != quantize(before, old))
        draft.set_codes(layer, position, codes, grid=grid)
        return f"{float(moved):.1%} of its codes are others than before training"


def _constant_quantizers(
    opened: OpenGraph, draft: PlanDraft, learning: tuple[str, ...]
) -> dict[str, GridQuantizer | FixedValues]:
    """What stands at each constant's rounding point; the scales of the constants ``learning`` learn."""
    found: dict[str, GridQuantizer | FixedValues] = {}
    for layer, position, key in _uses(draft.plan):
        tensor = draft.plan.tensors[key]
        if key in found or key not in opened.sources or tensor.kind == "bias":
            continue
        if isinstance(tensor.grid.format, UniformFormat):
            found[key] = GridQuantizer(tensor.grid, learn_scale=tensor.name in learning)
            continue
        values = draft.values(layer, position)
        assert values is not None, "what is on a grid is a constant"
        coded = fake_quantize(values, tensor.grid) if tensor.codes is None else dequantize(tensor.codes, tensor.grid)
        found[key] = FixedValues(coded)
    return found


def _activation_quantizers(opened: OpenGraph, draft: PlanDraft, scales: bool, zeros: bool) -> dict[str, GridQuantizer]:
    shared, still = with_one_scale(draft.plan, draft.view), softmax_outputs(draft.view)
    leaders: dict[str, GridQuantizer] = {}
    found: dict[str, GridQuantizer] = {}
    for key in dict.fromkeys(opened.activations.values()):
        first, grid = shared.get(key, key), draft.plan.tensors[key].grid
        if first not in leaders:
            learns = scales and first not in still
            leaders[first] = GridQuantizer(
                draft.plan.tensors[first].grid,
                learn_scale=learns,
                learn_zero=learns and zeros and bool(np.any(grid.zero_point)),
            )
        found[key] = GridQuantizer(grid, learn_scale=False, like=leaders[first])
    return found


def _uses(plan: Plan) -> list[tuple[str, int, str]]:
    """Layer, position and key of every constant on a grid."""
    return [(layer, position, key) for layer, keys in plan.constants.items() for position, key in keys.items()]


def _plan_of(plan: Plan, layer: str, position: int) -> TensorPlan | None:
    key = plan.constants.get(layer, {}).get(position)
    return None if key is None else plan.tensors[key]


def _readers(draft: PlanDraft, name: str) -> list[tuple[str, int]]:
    """Layers and positions that read a float constant of the model, or one that an algorithm put in its place."""
    changed = {(each.layer, each.position): each.name for each in draft.plan.changed}
    own = [place for place, other in changed.items() if other == name]
    return own + [
        (layer, position)
        for layer in draft.view.consumers.get(name, ())
        if layer in draft.view.nodes
        for position, tensor in enumerate(draft.view.nodes[layer].input)
        if tensor == name and (layer, position) not in changed
    ]
