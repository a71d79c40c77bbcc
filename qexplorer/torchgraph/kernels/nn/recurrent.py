"""RNN, GRU and LSTM, step by step.

Shapes: ``x`` (T, N, I); ``W`` (D, gates * H, I); ``R`` (D, gates * H, H); ``B`` (D, 2 * gates * H); states (D, N, H),
with T steps, N samples and D directions. With ``layout`` 1 the sample comes first in ``x``, in states and in answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["gru", "lstm", "rnn"]

Function = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]

_PLAIN: dict[str, Function] = {
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Softplus": functional.softplus,
    "Softsign": functional.softsign,
    "Tanh": torch.tanh,
}
_WITH_ALPHA: dict[str, Callable[[float], Function]] = {
    "Elu": lambda a: lambda x: functional.elu(x, a),
    "LeakyRelu": lambda a: lambda x: functional.leaky_relu(x, a),
    "ThresholdedRelu": lambda a: lambda x: torch.where(x > a, x, torch.zeros_like(x)),
}
_WITH_BOTH: dict[str, Callable[[float, float], Function]] = {
    "Affine": lambda a, b: lambda x: a * x + b,
    "HardSigmoid": lambda a, b: lambda x: (a * x + b).clamp(0, 1),
    "ScaledTanh": lambda a, b: lambda x: a * torch.tanh(b * x),
}
_DEFAULTS = {
    "Elu": (1.0, 0.0),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01, 0.0),
    "ThresholdedRelu": (1.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class _Cell:
    """One direction's weights and functions; biases are zeros where the node has none."""

    weight: Tensor
    recurrent: Tensor
    bias: Tensor
    recurrent_bias: Tensor
    peepholes: Tensor | None
    functions: tuple[Function, ...]
    clip: float
    node: Node

    def held(self, values: Tensor) -> Tensor:
        """``values`` within ``clip`` on both sides, if it is given."""
        return values.clamp(-self.clip, self.clip) if self.clip else values


def _functions(node: Node, names: tuple[str, ...], direction: int) -> tuple[Function, ...]:
    given = tuple(node.attributes.get("activations", ()))
    alphas = [float(value) for value in node.attributes.get("activation_alpha", ())]
    betas = [float(value) for value in node.attributes.get("activation_beta", ())]
    chosen = given[direction * len(names) : (direction + 1) * len(names)] or names
    found = []
    for offset, name in enumerate(chosen):
        index = direction * len(names) + offset
        alpha, beta = _DEFAULTS.get(name, (1.0, 0.0))
        alpha = alphas[index] if index < len(alphas) else alpha
        beta = betas[index] if index < len(betas) else beta
        found.append(_function(name, alpha, beta))
    return tuple(found)


def _function(name: str, alpha: float, beta: float) -> Function:
    if name in _PLAIN:
        return _PLAIN[name]
    return _WITH_ALPHA[name](alpha) if name in _WITH_ALPHA else _WITH_BOTH[name](alpha, beta)


def _rnn_step(cell: _Cell, x: Tensor, state: State) -> State:
    (f,) = cell.functions
    total = x @ cell.weight.t() + state[0] @ cell.recurrent.t() + cell.bias + cell.recurrent_bias
    return (f(cell.held(total)),)


def _gru_step(cell: _Cell, x: Tensor, state: State) -> State:
    f, g = cell.functions
    (h,) = state
    from_x = (x @ cell.weight.t() + cell.bias).chunk(3, 1)
    update, reset, _ = (h @ cell.recurrent.t() + cell.recurrent_bias).chunk(3, 1)
    z = f(cell.held(from_x[0] + update))
    r = f(cell.held(from_x[1] + reset))
    own, own_bias = cell.recurrent.chunk(3, 0)[2], cell.recurrent_bias.chunk(3, 0)[2]
    if cell.node.whole("linear_before_reset", 0):
        new = g(cell.held(from_x[2] + r * (h @ own.t() + own_bias)))
    else:
        new = g(cell.held(from_x[2] + (r * h) @ own.t() + own_bias))
    return ((1 - z) * new + z * h,)


def _lstm_step(cell: _Cell, x: Tensor, state: State) -> State:
    f, g, last = cell.functions
    h, c = state
    total = x @ cell.weight.t() + h @ cell.recurrent.t() + cell.bias + cell.recurrent_bias
    i, o, forget, new = total.chunk(4, 1)
    peep_i, peep_o, peep_f = (0, 0, 0) if cell.peepholes is None else cell.peepholes.chunk(3, 0)
    i = f(cell.held(i + peep_i * c))
    forget = 1 - i if cell.node.whole("input_forget", 0) else f(cell.held(forget + peep_f * c))
    c = forget * c + i * g(cell.held(new))
    return f(cell.held(o + peep_o * c)) * last(c), c


def _direction(
    cell: _Cell, step: Callable[[_Cell, Tensor, State], State], x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """All steps in order. A sample that has ended keeps its state, and its answers are zero."""
    answers = []
    for time in range(x.shape[0]):
        now = step(cell, x[time], state)
        out = now[0]
        if lengths is not None:
            going = (time < lengths).unsqueeze(1)
            now = tuple(torch.where(going, new, old) for new, old in zip(now, state, strict=True))
            out = torch.where(going, out, torch.zeros_like(out))
        state = now
        answers.append(out)
    return torch.stack(answers), state


def _backwards(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The first ``lengths`` steps of every sample in reverse."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    places = lengths.unsqueeze(0) - 1 - steps
    return x.gather(0, torch.where(places >= 0, places, steps).unsqueeze(2).expand_as(x))


@dataclass(frozen=True, slots=True)
class _Layer:
    """What differs between the three operators."""

    step: Callable[[_Cell, Tensor, State], State]
    functions: tuple[str, ...]
    states: int


_RNN = _Layer(_rnn_step, ("Tanh",), 1)
_GRU = _Layer(_gru_step, ("Sigmoid", "Tanh"), 1)
_LSTM = _Layer(_lstm_step, ("Sigmoid", "Tanh", "Tanh"), 2)


def _run(
    node: Node,
    layer: _Layer,
    x: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None],
    lengths: Tensor | None,
    initial: tuple[Tensor | None, ...],
) -> tuple[Tensor, ...]:
    weight, recurrent, bias, peepholes = weights
    batch_first = bool(node.whole("layout", 0))
    if batch_first:
        x = x.transpose(0, 1)
        initial = tuple(None if state is None else state.transpose(0, 1) for state in initial)
    lengths = None if lengths is None else lengths.to(torch.int64)
    both, size = bias if bias is not None else weight.new_zeros(weight.shape[0], 2 * weight.shape[1]), weight.shape[1]
    zeros = x.new_zeros(x.shape[1], recurrent.shape[2])
    outputs, ends = [], []
    for d in range(weight.shape[0]):
        parts = (weight[d], recurrent[d], both[d, :size], both[d, size:], None if peepholes is None else peepholes[d])
        cell = _Cell(*parts, _functions(node, layer.functions, d), node.number("clip", 0.0), node)
        states = (*initial, *(None,) * layer.states)[: layer.states]
        state = tuple(zeros if given is None else given[d] for given in states)
        turned = d == 1 or node.text("direction", "forward") == "reverse"
        answer, end = _direction(cell, layer.step, _backwards(x, lengths) if turned else x, state, lengths)
        outputs.append(_backwards(answer, lengths) if turned else answer)
        ends.append(end)
    whole = torch.stack(outputs, 1)
    last = [torch.stack([end[index] for end in ends]) for index in range(layer.states)]
    if batch_first:
        return whole.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in last)
    return whole, *last


@operator("RNN", since=7)
def rnn(
    node: Node,
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """A simple recurrent layer: all states (T, D, N, H), and the last."""
    return _run(node, _RNN, x, (weight, recurrent, bias, None), lengths, (initial,))


@operator("GRU", since=7)
def gru(
    node: Node,
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Gated recurrent units (gates in the order update, reset, new): all states (T, D, N, H), and the last."""
    return _run(node, _GRU, x, (weight, recurrent, bias, None), lengths, (initial,))


@operator("LSTM", since=7)
def lstm(
    node: Node,
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    initial_cell: Tensor | None = None,
    peepholes: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Long short-term memory (gates in the order input, output, forget, new): all states, the last, the last cell."""
    return _run(node, _LSTM, x, (weight, recurrent, bias, peepholes), lengths, (initial, initial_cell))
