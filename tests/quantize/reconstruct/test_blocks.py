"""Blocks: cuts at tensors through which everything passes, branches kept together, layers in a row a few at a time."""

from __future__ import annotations

import itertools

import pytest
from onnx import helper

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.reconstruct.blocks import Block, blocks_of


def _graph(nodes: list[tuple[str, str, str]], outputs: str = "y") -> GraphIndex:
    """Nodes as (operator, inputs, output); names in capitals are constants."""
    made = [helper.make_node(op, inputs.split(), [output], name=output) for op, inputs, output in nodes]
    names = {name for _, inputs, _ in nodes for name in inputs.split() if name.isupper()}
    inputs = [helper.make_tensor_value_info(name, 1, None) for name in ("x", "mask")]
    ends = [helper.make_tensor_value_info(name, 1, None) for name in outputs.split()]
    constants = [helper.make_tensor(name, 1, [1], [1.0]) for name in sorted(names)]
    return GraphIndex(helper.make_model(helper.make_graph(made, "g", inputs, ends, constants)))


def _blocks(view: GraphIndex, chain: int = 1, allowed: set[str] | None = None) -> list[tuple[str | None, str, str]]:
    weights = [name for name in view.initializers if name.startswith("W")]
    found = blocks_of(view, weights, weights, allowed or set(view.made_at), chain)
    return [(each.start, " ".join(each.ends), " ".join(each.weights)) for each in found]


RESIDUAL = [
    ("MatMul", "x W1", "a"),
    ("Relu", "a", "b"),
    ("MatMul", "b W2", "c"),
    ("MatMul", "c W3", "d"),
    ("Add", "d b", "e"),
    ("Relu", "e", "f"),
    ("MatMul", "f W4", "y"),
]


def test_branches_that_meet_again_are_one_block_with_what_follows() -> None:
    """The sum and the activation behind it belong to the block."""
    assert _blocks(_graph(RESIDUAL)) == [(None, "b", "W1"), ("b", "f", "W2 W3"), ("f", "y", "W4")]


@pytest.mark.parametrize(("chain", "sizes"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (3, [3, 2]), (9, [5])])
def test_layers_in_a_row_are_taken_a_few_at_a_time(chain: int, sizes: list[int]) -> None:
    """At most so many, and no branch among them."""
    names = ["x", "a", "b", "c", "d", "y"]
    view = _graph([("MatMul", f"{one} W{i}", two) for i, (one, two) in enumerate(itertools.pairwise(names))])
    found = _blocks(view, chain)
    assert [len(weights.split()) for _, _, weights in found] == sizes
    assert [start for start, _, _ in found[1:]] == [ends for _, ends, _ in found[:-1]]


def test_a_chain_does_not_grow_into_branches() -> None:
    """However long chains may be."""
    assert _blocks(_graph(RESIDUAL), chain=9) == [(None, "b", "W1"), ("b", "f", "W2 W3"), ("f", "y", "W4")]


def test_what_is_not_rounded_cuts_nothing() -> None:
    """A mask that every layer reads comes from the inputs, and is the same in both networks."""
    nodes = [
        ("Sqrt", "mask", "m"),
        ("MatMul", "x W1", "a"),
        ("Add", "a m", "b"),
        ("MatMul", "b W2", "c"),
        ("Add", "c m", "y"),
    ]
    assert _blocks(_graph(nodes)) == [(None, "b", "W1"), ("b", "y", "W2")]


def test_outputs_on_the_way_are_ends_of_their_block() -> None:
    """The cut comes first."""
    nodes = [("MatMul", "x W1", "a"), ("Relu", "a", "b"), ("MatMul", "a W2", "side"), ("MatMul", "b W3", "y")]
    assert _blocks(_graph(nodes, "side y")) == [(None, "a", "W1"), ("a", "b side", "W2"), ("b", "y", "W3")]


def test_a_weight_belongs_to_the_first_block_that_reads_it() -> None:
    """Also where it is turned over on the way."""
    nodes = [("MatMul", "x W1", "a"), ("Transpose", "W1", "t"), ("MatMul", "a t", "y")]
    assert _blocks(_graph(nodes)) == [(None, "y", "W1")]


def test_a_block_begins_and_ends_where_it_may() -> None:
    """Other cuts are passed over."""
    assert _blocks(_graph(RESIDUAL), allowed={"f"}) == [(None, "f", "W1 W2 W3"), ("f", "y", "W4")]
    assert _blocks(_graph(RESIDUAL), allowed={"none"}) == [(None, "y", "W1 W2 W3 W4")]


@pytest.mark.usefixtures("shared_workspace")
def test_samples_fall_into_the_blocks_that_they_were_built_of() -> None:
    """The stem, four residual blocks and the classifier of digits_cnn; attentions and perceptrons of text_lm."""
    import qexplorer as qx
    from qexplorer.core.plugin_kinds.algorithm import Needs
    from qexplorer.core.recipe import Recipe
    from qexplorer.quantize.changes.drafts import Materials, PlanDraft
    from qexplorer.quantize.plan import make_plan
    from tests.made_up_algorithm import MadeUp
    from tests.quantize.reconstruct.support import network_of

    for name, sizes in (("digits_cnn", [1, 2, 3, 3, 2, 1]), ("text_lm", [4, 2, 4, 2, 4, 2, 1])):
        model, recipe = qx.load(name), Recipe.parse("w4-b32")
        algorithm = MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
        draft = PlanDraft(model, recipe, make_plan(model, recipe, None), Materials(), algorithm)  # type: ignore[arg-type]
        blocks: list[Block] = network_of(draft).blocks
        assert [len(each.weights) for each in blocks] == sizes
