"""The blocks of a graph: stretches between tensors through which everything has to pass.

A tensor is a cut where nothing that was made before it is read behind it but itself: it lies on every way from the
inputs to the outputs (it dominates what follows, and is a postdominator of what came before). Between two cuts that
follow each other lies one node, or branches that part and meet again: a residual block, an attention with the sum
behind it. Branches stay together, as their errors add up; layers in a row are taken a few at a time. Nodes without a
weight, such as an activation or a pooling, go with what is in front of them.

What does not depend on anything that is rounded (a mask, positions) is the same in both networks and cuts nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from qexplorer.graph.index import GraphIndex, reads_of

__all__ = ["Block", "blocks_of"]


@dataclass(frozen=True, slots=True)
class Block:
    """One stretch of a graph.

    Attributes:
        start: the tensor that it begins at; None: at the inputs of the graph.
        ends: what it makes: the next cut first, if there is one, and outputs of the graph.
        weights: rounded constants that it is the first to read, in the order of reading.
        branches: whether it has ways that part and meet again.
    """

    start: str | None
    ends: tuple[str, ...]
    weights: tuple[str, ...]
    branches: bool


def blocks_of(view: GraphIndex, roundings: Collection[str], weights: Collection[str], allowed: Collection[str],
              chain: int) -> list[Block]:  # fmt: skip
    """The blocks of a graph, in execution order; together they hold every node that its outputs need.

    Args:
        view: a graph with its nodes in execution order.
        roundings: tensors at which something is rounded: what depends on none of them is the same everywhere.
        weights: those of them that are constants and can learn.
        allowed: tensors at which a block may begin or end.
        chain: weights that layers in a row have together, at most.
    """
    stretches = list(_stretches(view, set(roundings), set(weights), set(allowed)))
    found: list[Block] = []
    for stretch in stretches:
        last = found[-1] if found else None
        if last is not None and _goes_with(last, stretch, chain):
            kept = (each for each in last.ends if each != stretch.start or each in view.outputs)
            ends = dict.fromkeys((*stretch.ends, *kept))
            branches = last.branches or stretch.branches
            found[-1] = replace(last, ends=tuple(ends), weights=last.weights + stretch.weights, branches=branches)
        else:
            found.append(stretch)
    return found


def _goes_with(last: Block, stretch: Block, chain: int) -> bool:
    if not last.weights or not stretch.weights:
        return True
    return not (last.branches or stretch.branches) and len(last.weights) + len(stretch.weights) <= chain


def _stretches(view: GraphIndex, roundings: set[str], weights: set[str], allowed: set[str]) -> Iterator[Block]:
    """What lies between two cuts, cut after cut."""
    constant, touched = set(view.constants), set[str]()
    last_read = {name: places[-1] for name, places in view.read_at.items()}
    live: set[str] = set()
    start: str | None = None
    seen: set[str] = set()
    read: dict[str, None] = {}
    outputs: dict[str, None] = {}
    branches = False
    for place, node in enumerate(view.order):
        inputs, made = reads_of(node), [name for name in node.output if name]
        if all(name in constant for name in inputs) and made:
            constant.update(made)
        elif any(name in touched or name in roundings for name in inputs) or any(name in roundings for name in made):
            touched.update(made)
        read.update(dict.fromkeys(_weights_of(inputs, view, weights)))
        live |= {name for name in made if name in touched and last_read.get(name, -1) > place}
        live = {name for name in live if last_read[name] > place}
        outputs.update(dict.fromkeys(name for name in made if name in view.outputs))
        branches = branches or len(live) > 1
        if len(live) != 1 or live <= {start} or not live <= allowed:
            continue
        (cut,) = live
        new = tuple(name for name in read if name not in seen)
        yield Block(start, tuple(dict.fromkeys((cut, *outputs))), new, branches)
        seen.update(new)
        start, read, outputs, branches = cut, {}, {}, False
    if outputs:
        yield Block(start, tuple(outputs), tuple(name for name in read if name not in seen), branches)


def _weights_of(names: Collection[str], view: GraphIndex, weights: set[str]) -> Iterator[str]:
    """Weights that a node reads, also through nodes that turn constants about."""
    for name in names:
        if name in weights:
            yield name
        elif (maker := view.maker(name)) is not None and not any(each in weights for each in maker.output):
            reads = reads_of(maker)
            if reads and all(each in weights or view.is_constant(each) for each in reads):
                yield from _weights_of(reads, view, weights)
