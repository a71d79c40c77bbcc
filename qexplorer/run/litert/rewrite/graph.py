"""From an ONNX graph to one that LiteRT's converter understands: its own grids in the place of Q/DQ nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.activations import CodesOut, rewrite_activations
from qexplorer.run.litert.rewrite.bias import part_from_factors, rewrite_bias
from qexplorer.run.litert.rewrite.dynamic import rewrite_dynamic
from qexplorer.run.litert.rewrite.factors import absorb_factors
from qexplorer.run.litert.rewrite.floats import rewrite_clips, rewrite_halves, tell_float_sums, unfuse
from qexplorer.run.litert.rewrite.forks import part_in_float
from qexplorer.run.litert.rewrite.joins import choose_in_float, join_in_float
from qexplorer.run.litert.rewrite.pools import average_in_float
from qexplorer.run.litert.rewrite.qlinear import rewrite_qlinear
from qexplorer.run.litert.rewrite.tables import rewrite_tables
from qexplorer.run.litert.rewrite.weights import rewrite_layers, rewrite_weights

if TYPE_CHECKING:
    import onnx

__all__ = ["Rewritten", "rewritten"]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What came out.

    Attributes:
        model: the graph with nodes of ``nodes.py``.
        codes_out: outputs that hold codes, by position.
        narrow: how many weights have 4 bits.
        dynamic: names of the weights whose layers quantize their inputs as they run.
        differences: what LiteRT does otherwise than the graph says, a sentence each.
    """

    model: onnx.ModelProto
    codes_out: dict[int, CodesOut]
    narrow: int
    dynamic: tuple[str, ...]
    differences: tuple[str, ...]


def rewritten(model: onnx.ModelProto) -> Rewritten:
    """Rewrites a copy of ``model``."""
    edit, differences = GraphEdit(model), list[str]()
    rewrite_halves(edit, differences)
    rewrite_tables(edit, differences)
    rewrite_qlinear(edit)
    dynamic = rewrite_dynamic(edit, differences)
    rewrite_weights(edit, differences)
    rewrite_layers(edit)
    codes_out = rewrite_activations(edit, differences)
    rewrite_bias(edit)
    absorb_factors(edit)
    part_from_factors(edit)
    join_in_float(edit)
    choose_in_float(edit)
    average_in_float(edit, differences)
    part_in_float(edit)
    rewrite_clips(edit)
    unfuse(edit, differences)
    tell_float_sums(edit, differences)
    found = edit.finish()
    narrow = sum(
        attribute.i == 4 for node in found.graph.node for attribute in node.attribute if attribute.name == "bits"
    )
    return Rewritten(found, codes_out, narrow, dynamic, tuple(dict.fromkeys(differences)))
