"""Post-training algorithms: what changes weights, codes, grids and biases beyond rounding to nearest.

How to add one: write one file in ``qexplorer/quantize/algorithms/`` and a page ``docs/algorithms/<name>.md``.

1. Its options, a subclass of :class:`AlgorithmOptions` with bounds, titles and descriptions. A recipe writes
   ``algorithms: [my_algorithm]`` or ``algorithms: [{my_algorithm: {samples: 64}}]``; the app draws a control for each.
2. A frozen dataclass with the attributes of :class:`GraphAlgorithm` or of :class:`PlanAlgorithm`:

   - ``Stage.GRAPH`` works on the float graph before anything is decided: it may change constants of several layers
     (equalization) or insert nodes (SmoothQuant; ``quantize.changes.inserted`` keeps those in float). Ranges of
     static activations are observed again on what it leaves.
   - ``Stage.PLAN`` works on a plan whose treatments and grids are chosen: it may set codes of weights (AdaRound, GPTQ,
     BRECQ), replace grids, and change constants that stay in float (biases). See ``quantize.changes.drafts``.
3. ``ENTRIES = (MyAlgorithm(),)`` at the end of the file.

In a plan ``draft.plan.constants[layer]`` maps each constant input that is on a grid, by position, to its key in
``draft.plan.tensors``. Its ``kind`` is ``weight`` or ``bias``; the constant operand of an Add is a ``weight`` too, and
``draft.view.nodes[layer].op_type`` tells them apart. ``draft.values(layer, position)`` has its values, ``core.grid``
(``quantize``, ``dequantize``) makes codes of them, and ``draft.set_codes`` takes codes back. ``ROUND_DOWN`` in
``tests/contract/test_algorithms.py`` is all of that in 30 lines.

What it decides is declared, and names no other algorithm: those that decide the same exclude each other, and what is
built on what goes second (``core.plugin_kinds.decisions``). Options that others have too come from
``core.plugin_kinds.shared_options``. What it needs is declared, so that whoever quantizes can bring it and the file's
digest covers it: a data-driven algorithm on two data sets gives two files. Same draft and same options must give the
same changes bit for bit, on any number of threads (what trains: on one machine). Modules of the folder are imported
when a recipe is read, so torch and onnxruntime are imported inside functions. If an entry's answers change later, raise
``SCHEMA`` in ``quantize.quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, StrEnum, auto
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.registry import Named

if TYPE_CHECKING:
    from qexplorer.quantize.changes.drafts import GraphDraft, PlanDraft

__all__ = ["Algorithm", "AlgorithmOptions", "GraphAlgorithm", "Needs", "PlanAlgorithm", "Stage", "needs_words"]


class Needs(Flag):
    """What an algorithm reads beside the model and the plan.

    NOTHING     the weights are enough.
    STATISTICS  what was observed of activations on calibration data.
    DATA        the calibration samples themselves.
    GRADIENTS   derivatives of the graph on the calibration samples (``torchgraph``).
    """

    NOTHING = 0
    STATISTICS = auto()
    DATA = auto()
    GRADIENTS = auto()


_WORDS = {
    Needs.STATISTICS: "ranges observed on calibration data",
    Needs.DATA: "calibration samples",
    Needs.GRADIENTS: "gradients on calibration samples",
}


def needs_words(needs: Needs) -> str:
    """What is needed, as a clause for a person."""
    return " and ".join(_WORDS[each] for each in needs) or "nothing but the weights"


class Stage(StrEnum):
    """When an algorithm works: on the float graph before grids are chosen, or on the plan after that."""

    GRAPH = "graph"
    PLAN = "plan"


class AlgorithmOptions(BaseModel):
    """What a person may choose about an algorithm; this one has no field, for algorithms without a choice.

    Fields are float, int, bool, str or a ``Literal``, have defaults, bounds where numbers need them, and a title and
    description that the app shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Described(Named, Protocol):
    """What every algorithm says of itself. Its name is small letters, digits and underscores: short names hold it."""

    @property
    def title(self) -> str:
        """What a person reads."""
        ...

    @property
    def description(self) -> str:
        """One sentence on what it does and when it helps."""
        ...

    @property
    def source(self) -> str:
        """Where it is from: paper and section."""
        ...

    @property
    def options(self) -> type[AlgorithmOptions]:
        """The model of its options."""
        ...

    @property
    def needs(self) -> Needs:
        """What it reads beside model and plan."""
        ...

    @property
    def decides(self) -> Decides:
        """What it settles: whom it excludes and who goes before it follow from that alone (``decisions.py``)."""
        ...


class GraphAlgorithm(_Described, Protocol):
    """Changes the float graph before grids are chosen."""

    @property
    def stage(self) -> Literal[Stage.GRAPH]:
        """Before grids are chosen."""
        ...

    def change_graph(self, draft: GraphDraft, options: Any) -> None:
        """Changes ``draft.proto`` in place and says of each layer what was changed.

        Args:
            draft: the float graph, the recipe and what was asked for in ``needs``.
            options: an instance of the model ``options``.
        """
        ...

    def foretell(self, draft: GraphDraft, options: Any) -> Mapping[str, str]:
        """What it would do to each layer, for a plan that is shown before there are data: a clause by layer.

        Args:
            draft: the float graph as it is; no data and no statistics.
            options: an instance of the model ``options``.
        """
        ...


class PlanAlgorithm(_Described, Protocol):
    """Changes codes, grids and constants of a plan."""

    @property
    def stage(self) -> Literal[Stage.PLAN]:
        """After grids are chosen."""
        ...

    def change_plan(self, draft: PlanDraft, options: Any) -> None:
        """Changes the plan through ``draft`` and says of each layer what was changed, and why not where it was not.

        Args:
            draft: the plan, the recipe and what was asked for in ``needs``.
            options: an instance of the model ``options``.
        """
        ...

    def foretell(self, draft: PlanDraft, options: Any) -> Mapping[str, str]:
        """What it would do to each layer, for a plan that is shown before there are data: a clause by layer.

        Args:
            draft: a plan that may have no grids of activations; no data and no statistics.
            options: an instance of the model ``options``.
        """
        ...


Algorithm = GraphAlgorithm | PlanAlgorithm
