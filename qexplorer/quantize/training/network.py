"""The network that is trained: the open graph with quantizers at its rounding points, and the way back to a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.errors import ModelError
from qexplorer.core.grid import Float32, Grid, quantize
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.plan_types import Plan, TensorPlan
from qexplorer.quantize.training.cut_off import where_gradients_end
from qexplorer.quantize.training.inner import inner_places
from qexplorer.quantize.training.rounding.open_graph import open_graph
from qexplorer.quantize.training.rounding.placing import (
    LearningQuantizer,
    activation_quantizers,
    bias_quantizers,
    constant_quantizers,
    start_near,
    uses_of,
)
from qexplorer.quantize.training.rounding.quantizers import (
    FIXED,
    DynamicQuantizer,
    FixedValues,
    GridQuantizer,
    Learns,
)
from qexplorer.torchgraph.executor import GraphModule
from qexplorer.torchgraph.graph import graph_of
from qexplorer.torchgraph.weights import float_weights

__all__ = ["QuantizedNetwork"]


class QuantizedNetwork(nn.Module):
    """A plan as a torch module whose weights learn, and scales and zero points if asked.

    Weights start at their float values. Int32 biases are rounded to the product of the scales that they follow.

    Args:
        draft: the plan; it is not changed before :meth:`settle`.
        learns: what learns of the grids of weights and activations.
    """

    def __init__(self, draft: PlanDraft, *, learns: Learns = FIXED) -> None:
        super().__init__()
        self._plan, self._view = draft.plan, draft.view
        self._opened = open_graph(draft.model, draft.recipe, draft.plan)
        weights = float_weights(graph_of(self._opened.proto))
        self._constants = constant_quantizers(self._opened, draft, weights, learns)
        self._activations = activation_quantizers(self._opened, draft, learns)
        points = self._opened.constants.items()
        modules: dict[str, nn.Module] = {name: self._constants[key] for name, key in points if key in self._constants}
        biases = bias_quantizers(draft, self._constants, self._activations)
        modules |= {name: biases[key] for name, key in points if key in biases}
        modules |= {name: self._activations[key] for name, key in self._opened.activations.items()}
        modules |= {name: DynamicQuantizer() for name in self._opened.dynamic}
        held = {draft.plan.tensors[key].name for key, each in self._constants.items() if isinstance(each, FixedValues)}
        self._trained = tuple(name for name in weights if name not in held)
        self._places = {
            layer: key
            for layer, position, key in uses_of(draft.plan)
            if position == 1
            and isinstance(self._constants.get(key), LearningQuantizer)
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

    def with_inner(self, inputs: Sequence[Tensor], names: Sequence[str]) -> tuple[list[Tensor], dict[str, Tensor]]:
        """The outputs, and inner activations by name, of one run."""
        feeds = dict(zip(self.input_names, inputs, strict=True))
        found = self.graph.tensors(feeds, (*self.graph.output_names, *names))
        return [found[name] for name in self.graph.output_names], found

    def inner_places(self, most: int) -> tuple[str, ...]:
        """Names of inner activations that the float graph has too, at most ``most`` (see ``inner``)."""
        made = {name for node in self._opened.proto.graph.node for name in node.output}
        return inner_places(self._plan, self._view, made, most)

    def without_gradient(self, inputs: Sequence[Tensor]) -> ModelError:
        """Why no answer has a gradient."""
        view = GraphIndex(self._opened.proto)
        names = [name for node in view.order for name in node.output if name]
        values = self.graph.tensors(dict(zip(self.input_names, inputs, strict=True)), names)
        return where_gradients_end(view, values, self._trained)

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
        total, count = torch.zeros((), device=next(self.parameters()).device), 0
        for quantizer, values in self._weights():
            off = (values - quantizer(values).detach()) / quantizer.steps_of(values)
            total = total + off.clamp(-0.5, 0.5).square().sum()
            count += values.numel()
        return total / max(count, 1)

    def _weights(self) -> Iterator[tuple[LearningQuantizer, nn.Parameter]]:
        for key, quantizer in self._constants.items():
            name = self._opened.sources[key]
            if isinstance(quantizer, LearningQuantizer) and name in self._trained:
                yield quantizer, self.graph.parameter(name)

    def layers(self) -> tuple[str, ...]:
        """Layers whose weight is on a grid and learns, in the order of execution (see ``watching.Watched``)."""
        return tuple(self._places)

    def look(self, layer: str) -> tuple[Float32, Grid]:
        """The float weights of one of these layers as they are now, and the grid that they are rounded to."""
        key = self._places[layer]
        values = self.graph.parameter(self._opened.sources[key]).detach().cpu().numpy()
        quantizer = self._constants[key]
        assert isinstance(quantizer, LearningQuantizer), "only what learns is among the layers"
        return np.array(values, np.float32), quantizer.grid()

    def ratios(self) -> dict[str, float]:
        """By tensor, the geometric mean of its learned scales as multiples of those at the start."""
        modules = {**self._constants, **self._activations}
        learning = {key: each for key, each in modules.items() if not isinstance(each, FixedValues)}
        return {key: each.ratio() for key, each in learning.items() if list(each.parameters())}

    def start_near(self) -> None:
        """Gives scales of weights that learn the size with the least squared error (see ``placing.start_near``)."""
        for quantizer, values in self._weights():
            start_near(quantizer, values)

    def widen_to(self, bits: int) -> None:
        """Rounds on even grids of at least ``bits`` bits with the same ends, those of the plan being what they are from
        their own width on; 0 for all as they are."""
        for each in (*self._constants.values(), *self._activations.values()):
            if isinstance(each, GridQuantizer):
                each.finer = 2 ** max(bits - each.first_grid.format.bits, 0)

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
        for layer, position, key in uses_of(plan):
            quantizer, tensor = self._constants.get(key), plan.tensors[key]
            if isinstance(quantizer, FixedValues):
                said[layer] = f"its weight did not learn: {tensor.grid.format.name} lists no levels"
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

    def _set_codes(self, draft: PlanDraft, layer: str, position: int, key: str, quantizer: LearningQuantizer) -> str:
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
