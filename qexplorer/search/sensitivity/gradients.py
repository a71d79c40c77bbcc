"""The gradient method: what rounding each layer costs, to second order, from backward passes that all layers share.

The loss between the network's answers and those that it gives unrounded (see :mod:`distances`) is 0 with a gradient of
0 where nothing is rounded, and its Hessian there is exactly that of Gauss and Newton: ``H = J' A J``, with ``J`` the
derivative of the answers and ``A`` the curvature of the loss in the answers, ``diag(p) - p p'`` for the divergence of
probabilities ``p``: the Fisher information (Martens 2020, section 9). With ``A = B B'`` and random signs ``v``, the
gradient ``g = J' B v`` has ``E[g g'] = H`` (Hutchinson 1990). A layer's loss is then, with ``d`` the very errors that
its grids make of its weights, of what it reads and of what it makes::

    1/2 d' H d = 1/2 E[(g' d)^2]

A product of gradient and error for every layer and every candidate format is all that is left to compute. Not the
diagonal times the squared error, nor the trace times the mean squared error (Dong et al. 2020, HAWQ-V2): these leave
out how errors of different values act together, and put digits_cnn's layers up to three times too high. The price is
noise: each batch gives one draw for a weight, each sample one for an activation. Errors of weights and of activations
are taken to be independent, and what rounding costs beyond the second order is left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from qexplorer.core.dataset import Array, Split, as_declared
from qexplorer.core.errors import ModelError
from qexplorer.core.formats import Storage
from qexplorer.core.grid import Float32, Granularity, Grid, dequantize, fake_quantize
from qexplorer.core.model import Model
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.collecting.stream import batches
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.training.rounding.placing import quantizer_of
from qexplorer.quantize.training.rounding.quantizers import DynamicQuantizer, GridQuantizer
from qexplorer.search.sensitivity.distances import Yardstick, interval_of_mean
from qexplorer.search.sensitivity.groups import LayerGroup
from qexplorer.search.sensitivity.probe_graph import Probe, ProbePoint, probe_graph
from qexplorer.search.sensitivity.products import product, products_by_row
from qexplorer.search.sensitivity.sensitivity_types import Foretold, Rounded
from qexplorer.torchgraph.dtypes import tensor_of
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["Foresight", "foretell"]

_SEED = 20240229
_FIRST = 8  # samples after which there is something to show


@dataclass(slots=True, eq=False)
class Foresight:
    """What gradients foretell.

    Attributes:
        parts: by layer, then by what is rounded: the loss in each batch, a sample's mean.
        formats: by layer, then by the name of another plan: the weights' loss in each batch.
        n: samples whose gradients were taken.
    """

    parts: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    formats: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    n: int = 0

    def of(self, layer: str) -> dict[str, Foretold]:
        """What is foretold for a layer, by what is rounded."""
        return {name: self._mean(values) for name, values in self.parts.get(layer, {}).items()}

    def in_formats(self, layer: str) -> dict[str, Foretold]:
        """What is foretold for a layer's weights in other formats."""
        return {name: self._mean(values) for name, values in self.formats.get(layer, {}).items()}

    def losses(self) -> dict[str, float]:
        """The loss of each layer with all of it rounded."""
        return {layer: float(np.mean(parts["both"])) for layer, parts in self.parts.items() if parts.get("both")}

    def _mean(self, values: Sequence[float]) -> Foretold:
        found = np.asarray(values, np.float64)
        return Foretold(float(found.mean()), interval_of_mean(found), self.n)

    def add(self, found: Mapping[tuple[str, str, str], float]) -> None:
        """Takes in one draw: losses by layer, kind of rounding point, and plan."""
        for layer in {key[0] for key in found}:
            kinds = {kind: found[layer, kind, ""] for kind in _KINDS if (layer, kind, "") in found}
            parts = {_PARTS[kind]: value for kind, value in kinds.items() if kind in _PARTS}
            for name, value in {**parts, "both": math.fsum(kinds.values())}.items():
                self.parts.setdefault(layer, {}).setdefault(name, []).append(value)
        for (layer, kind, plan), value in found.items():
            if plan and kind == "weight":
                self.formats.setdefault(layer, {}).setdefault(plan, []).append(value)


_KINDS = ("weight", "activation", "bias")
_PARTS = {"weight": Rounded.WEIGHTS.value, "activation": Rounded.ACTIVATIONS.value}


def foretell(
    model: Model,
    view: GraphIndex,
    plan: Plan,
    groups: Sequence[LayerGroup],
    split: Split,
    yard: Yardstick,
    *,
    others: Mapping[str, Plan],
    batch: int,
    probes: int,
    narrow: bool,
    tell: Callable[[int], None],
    partly: Callable[[Foresight], None],
) -> Foresight:
    """Takes gradients of all samples.

    Args:
        model: in float.
        view: its graph.
        plan: the grids.
        groups: of the plan.
        split: the samples.
        yard: what the loss is.
        others: plans with other grids of weights, by the name that their losses get.
        batch: samples at a time.
        probes: draws of signs for each batch; one costs a backward pass.
        narrow: whether products are computed in bfloat16, which has digits enough for an estimate.
        tell: told how many samples are done; may raise Cancelled.
        partly: handed what a few samples foretell, then twice as many each time.

    Raises:
        ModelError: PyTorch has no kernel for an operator, or no gradient goes through the graph.
    """
    if not plan.tensors:
        what = "the recipe puts nothing on a grid, so that there is no error of rounding to weigh"
        raise ModelError(what, do="go by what is evaluated")
    work = _Taking(model, view, plan, groups, others)
    found = Foresight()
    generator, due = torch.Generator().manual_seed(_SEED), _FIRST
    for feeds, samples in batches(model, split, batch):
        for losses in work.losses(feeds, yard, generator, narrow=narrow, probes=probes):
            found.add(losses)
        found.n += samples
        tell(found.n)
        if found.n >= due:
            partly(found)
            due = 2 * found.n
    return found


class _Taking:
    """The network with a probe at every rounding point."""

    def __init__(
        self, model: Model, view: GraphIndex, plan: Plan, groups: Sequence[LayerGroup], others: Mapping[str, Plan]
    ) -> None:
        proto, self._points = probe_graph(model, view, plan, groups)
        self._probes = {point.output: Probe() for point in self._points}
        self._module = GraphModule(proto, modules=self._probes)
        self._ranks = {info.name: len(info.shape) for info in model.inputs}
        self._plan, self._plans = plan, ("", *others)
        self._errors = {
            (point.output, name): found
            for point in self._points
            if point.constant
            for name, each in {"": plan, **others}.items()
            if (found := constant_error(each, view, point.layer, point.position)) is not None
        }

    def losses(
        self, feeds: Mapping[str, Array], yard: Yardstick, generator: torch.Generator, *, narrow: bool, probes: int
    ) -> list[dict[tuple[str, str, str], float]]:
        """A forward pass and backward passes: losses of each of these, by layer, kind of rounding point, and plan."""
        given = as_declared(feeds, self._ranks)
        tensors = [tensor_of(np.ascontiguousarray(given[name])) for name in self._module.input_names]
        if narrow:  # pooling in bfloat16 takes four times as long with channels apart
            tensors = [t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for t in tensors]
        with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            answers = self._module(*tensors)
        values = {name: probe.value for name, probe in self._probes.items() if probe.value is not None}
        gradients: dict[str, list[Tensor]] = defaultdict(list)
        for left in reversed(range(probes)):
            with torch.enable_grad():
                aim = aim_of([answers[i].float() for i in yard.floats], yard, generator)
                if not aim.requires_grad:
                    raise ModelError("no gradient goes through the graph", do="evaluate the layers instead")
            taken = torch.autograd.grad(aim, list(values.values()), retain_graph=left > 0, allow_unused=True)
            for name, gradient in zip(values, taken, strict=True):
                if gradient is not None:
                    gradients[name].append(gradient)
        return self._collected(len(next(iter(feeds.values()))), gradients, probes)

    def _collected(
        self, fed: int, gradients: Mapping[str, Sequence[Tensor]], draws: int
    ) -> list[dict[tuple[str, str, str], float]]:
        """Losses of each draw; ``gradients`` are those of all draws, by rounding point."""
        found: list[dict[tuple[str, str, str], float]] = [defaultdict(float) for _ in range(draws)]
        rounded: dict[str, list[ProbePoint]] = defaultdict(list)
        for point in self._points:
            if point.output not in gradients:
                continue
            if not point.constant:
                rounded[point.tensor or point.output].append(point)
                continue
            for plan in self._plans:
                if (error := self._errors.get((point.output, plan))) is not None:
                    for losses, gradient in zip(found, gradients[point.output], strict=True):
                        losses[point.group, point.kind, plan] += 0.5 * product(gradient, error) ** 2 / fed
        for points in rounded.values():  # of one tensor, which is rounded once for all of them
            squares = iter(self._squares(points, [each for point in points for each in gradients[point.output]], fed))
            for point in points:
                for losses in found:
                    losses[point.group, point.kind, ""] += 0.5 * next(squares) / fed
        return found

    def _squares(self, points: Sequence[ProbePoint], gradients: Sequence[Tensor], fed: int) -> list[float]:
        """The sum of all samples' ``(g' d)^2`` for each gradient of one activation."""
        value, tensor = self._probes[points[0].output].value, points[0].tensor
        assert value is not None, "it has gradients"
        grid = self._plan.tensors[tensor].grid if tensor else None
        rounds = DynamicQuantizer() if grid is None else quantizer_of(grid)
        rows = len(value) if value.ndim and len(value) % fed == 0 else 1  # a sample's own draw, where they lie apart
        apart = grid is not None and grid.granularity is Granularity.TENSOR
        drawn = products_by_row(value.detach(), gradients, rounds, rows, apart=apart)
        return [float(each) for each in drawn.square().sum(1)]


def constant_error(plan: Plan, view: GraphIndex, layer: str, position: int) -> Tensor | None:
    """What rounding changes of a layer's constant in a plan; None where it stays in float there."""
    key = plan.constants.get(layer, {}).get(position)
    if key is None:
        return None
    tensor = plan.tensors[key]
    changed = next((each for each in plan.changed if (each.layer, each.position) == (layer, position)), None)
    values = view.array(tensor.name) if changed is None else changed.values
    flat = values.reshape(-1) if tensor.kind == "bias" else values
    rounded = _rounded(flat, tensor.grid) if tensor.codes is None else dequantize(tensor.codes, tensor.grid)
    original = view.array(view.nodes[layer].input[position])
    return torch.from_numpy(np.atleast_1d(np.asarray(rounded, np.float32).reshape(original.shape) - original))


def _rounded(values: Float32, grid: Grid) -> Float32:
    """As ``core.grid`` rounds, by torch where it has the format: a large network's weights take seconds otherwise."""
    if grid.format.storage is not Storage.INTEGER:
        return fake_quantize(values, grid)
    with torch.no_grad():
        return np.asarray(GridQuantizer(grid)(torch.from_numpy(np.array(values, np.float32))).numpy(), np.float32)


def aim_of(answers: Sequence[Tensor], yard: Yardstick, generator: torch.Generator) -> Tensor:
    """A number whose gradient is ``J' B v`` for random signs ``v``; see the module's text.

    Args:
        answers: float outputs of the network, first axis the samples.
        yard: what the loss is.
        generator: of the signs.
    """
    if yard.axis is None:
        terms = []
        for answer in answers:
            power = answer.detach().square().mean().clamp(min=1e-30)
            weight = torch.sqrt(2 / (len(answers) * (answer.numel() / len(answer)) * power))
            terms.append((answer * _signs(answer, generator)).sum() * weight)
        return torch.stack(terms).sum()
    scores = answers[0].clamp(min=1e-7).log() if yard.probabilities else answers[0]
    places = scores.numel() / len(scores) / scores.shape[yard.axis]
    turned = turned_signs(scores.detach().movedim(yard.axis, -1).double() / yard.temperature, generator)
    return (scores.movedim(yard.axis, -1) * turned.to(scores.dtype)).sum() / math.sqrt(places)


def turned_signs(scores: Tensor, generator: torch.Generator) -> Tensor:
    """``L v`` for random signs ``v``, where ``L L' = diag(p) - p p'`` and ``p`` is the softmax of ``scores``.

    ``L`` is the Cholesky factor with the likeliest class first, which has a closed form (Tanabe and Sagae 1992): with
    ``R_j`` the sum of ``p`` from the ``j``-th on, ``L_jj = sqrt(p_j R_(j+1) / R_j)`` and, for ``i > j``,
    ``L_ij = -p_i sqrt(p_j / (R_j R_(j+1)))``. Where two classes alone are likely its first column is all there is, so
    that the signs cost no accuracy; a factor such as ``diag(sqrt p) - p sqrt(p)'`` would.

    Args:
        scores: float64, classes along the last axis.
        generator: of the signs.
    """
    share, order = scores.softmax(-1).clamp(min=1e-30).sort(-1, descending=True)
    rest = share.flip(-1).cumsum(-1).flip(-1)
    behind = torch.cat([rest[..., 1:], torch.zeros_like(rest[..., :1])], -1)
    signs = _signs(share, generator)
    slopes = torch.where(behind > 0, (share / (rest * behind.clamp(min=1e-60))).sqrt(), torch.zeros_like(share))
    sums = (slopes * signs).cumsum(-1) - slopes * signs
    ordered = (share * behind / rest).sqrt() * signs - share * sums
    return torch.empty_like(ordered).scatter_(-1, order, ordered)


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator).to(like.dtype) * 2 - 1
