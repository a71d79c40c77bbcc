"""The shape of a small convolutional network, and which shapes are tried."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from qexplorer.core.wire import Wire

__all__ = ["CHOICES", "N_SHAPES", "ConvFacts", "NetworkShape", "convolutions", "drawn_shapes", "macs"]

CHOICES: dict[str, tuple[object, ...]] = {
    "width": (6, 8, 12, 16),
    "depth": (1, 2),
    "kernel": (3, 5),
    "separable": (False, True),
    "activation": ("relu", "relu6"),
    "recipe": ("w8a8", "w4a8"),
}
"""What is chosen, and among what."""
N_SHAPES = prod(len(each) for each in CHOICES.values())
"""Different shapes that there are."""

_STAGES = 2


@dataclass(frozen=True, slots=True)
class NetworkShape(Wire):
    """A plain network: a convolution with stride 2, two stages that halve the picture and double the channels, a mean
    over places, and a linear layer.

    Attributes:
        width: channels of the first convolution.
        depth: blocks of each stage.
        kernel: side of the kernels.
        separable: whether a block is a depthwise and a pointwise convolution, or one convolution.
        activation: ``relu`` or ``relu6``.
        recipe: short name of the bits, such as ``w4a8``.
    """

    width: int
    depth: int
    kernel: int
    separable: bool
    activation: str
    recipe: str

    @property
    def name(self) -> str:
        """Such as ``8 wide, 2 deep, 3x3, relu, w4a8``."""
        kind = " separable" if self.separable else ""
        return (
            f"{self.width} wide, {self.depth} deep, {self.kernel}x{self.kernel}{kind}, {self.activation}, {self.recipe}"
        )


@dataclass(frozen=True, slots=True)
class ConvFacts:
    """A convolution with an activation behind it.

    Attributes:
        name: of it.
        given: channels that it reads.
        wanted: channels that it makes.
        kernel: side of its kernel.
        stride: in both directions.
        groups: as in ONNX.
    """

    name: str
    given: int
    wanted: int
    kernel: int
    stride: int
    groups: int


def convolutions(shape: NetworkShape, channels: int) -> tuple[ConvFacts, ...]:
    """The convolutions of a network, in their order.

    Args:
        shape: of it.
        channels: of its input.
    """
    found = [ConvFacts("stem", channels, shape.width, shape.kernel, 2, 1)]
    for stage in range(1, _STAGES + 1):
        for block in range(1, shape.depth + 1):
            given, name = found[-1].wanted, f"stage{stage}.block{block}"
            wanted, stride = shape.width * 2**stage, 2 if block == 1 else 1
            if shape.separable:
                found.append(ConvFacts(f"{name}.depthwise", given, given, shape.kernel, stride, given))
                found.append(ConvFacts(f"{name}.pointwise", given, wanted, 1, 1, 1))
            else:
                found.append(ConvFacts(name, given, wanted, shape.kernel, stride, 1))
    return tuple(found)


def macs(shape: NetworkShape, size: Sequence[int]) -> int:
    """Multiply-accumulates of its convolutions for a sample of ``size``, channels first."""
    channels, high, wide = size
    found = 0
    for each in convolutions(shape, channels):
        high, wide = -(-high // each.stride), -(-wide // each.stride)
        found += high * wide * each.wanted * (each.given // each.groups) * each.kernel**2
    return found


def drawn_shapes(count: int, seed: int) -> tuple[NetworkShape, ...]:
    """Different shapes, every choice of everything about equally often; all if there are no more than ``count``."""
    draw = random.Random(seed)  # noqa: S311 - a draw, and no secret
    every = [NetworkShape(*values) for values in product(*CHOICES.values())]  # type: ignore[arg-type]
    if count >= len(every):
        return tuple(every)
    found: list[NetworkShape] = []
    while len(found) < count:
        columns = []
        for choices in CHOICES.values():
            column = [choices[at % len(choices)] for at in range(count)]
            draw.shuffle(column)
            columns.append(column)
        for values in zip(*columns, strict=True):  # a Latin hypercube: McKay, Beckman and Conover 1979
            shape = NetworkShape(*values)
            if shape not in found and len(found) < count:
                found.append(shape)
    return tuple(found)
