"""What a calibrator is: it chooses the range of a grid, for a whole tensor or for each row of values.

How to add one: write one file in ``qexplorer/observe/calibrators`` (its docstring says what belongs in it). The
protocol stands here, below everything, so that a recipe can be checked without importing what computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from qexplorer.core.formats import Format, Role
from qexplorer.core.formats.uniform import as_uniform
from qexplorer.core.grid import Float32, Granularity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qexplorer.observe.stats import TensorStats

__all__ = ["Calibrator", "CalibratorOptions", "Range", "Role", "Wanted", "WithoutOptions"]

Range = tuple[float, float]


class CalibratorOptions(BaseModel):
    """What a person may choose beside the calibrator; this one has no field, for calibrators without a choice.

    A recipe writes the fields flat beside ``calibrator``, and the app draws a control for each, from its type (float,
    int, bool, str or a ``Literal``), its bounds, its title and its description; a number's ``step`` is taken from
    ``json_schema_extra``. A field without a default must be given, so such a calibrator has no short name.

    Attributes:
        once_beside_all: options that earlier versions wrote beside every calibrator, see ``calibrator_choice``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    once_beside_all: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The grid that a range is wanted for.

    Attributes:
        format: the format of its codes.
        symmetric: whether both ends are at the same distance from zero.
    """

    format: Format
    symmetric: bool

    @property
    def steps(self) -> int:
        """Equal steps from one end of the grid to the other; raises ValueError for a format whose steps differ."""
        return as_uniform(self.format, "a number of steps").steps(symmetric=self.symmetric)

    @property
    def lower_share(self) -> float:
        """How far below zero a symmetric grid of equal steps reaches where it reaches 1 above."""
        return as_uniform(self.format, "a number of steps").lower_share


Options = TypeVar("Options", bound=CalibratorOptions)


class Calibrator(Protocol[Options]):
    """Chooses ranges, none of which makes a grid coarser than min-max. Methods are functions of their arguments alone.

    Attributes:
        name: what a person types; letters, digits and underscores.
        title: what a person reads.
        description: one sentence on what it does and when it helps.
        source: where it is from.
        options: the model of its options; ``CalibratorOptions`` itself for none.
    """

    name: str
    title: str
    description: str
    source: str
    options: type[Options]

    def refuses(self, format: Format, granularity: Granularity, role: Role) -> str | None:  # noqa: ARG002
        """Why it has no range for such a grid ("needs more values than a block has"), or None if it has.

        What is refused raises RecipeError where it is asked for, and is not offered in the app.
        """
        return None

    def adds_nothing(self, role: Role) -> str | None:  # noqa: ARG002
        """Why it is no different from the default for these tensors, or None if it is: read, but not offered."""
        return None

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: Options) -> Range:
        """The range for one grid over a whole tensor.

        Args:
            stats: what was observed; its histogram holds at least one finite value.
            wanted: the grid.
            options: as given or by default.

        Returns:
            Two finite numbers, the lower first.
        """
        ...

    def row_ranges(self, rows: Float32, block: int, wanted: Wanted, options: Options) -> NDArray[np.float64]:
        """The range of each channel or block of a weight.

        Args:
            rows: finite values, read-only float32 ``(rows, n)``: a row for each channel, or the rows that are cut
                into blocks.
            block: values of a row that share a scale; ``n`` for channels. The last block of a row may be shorter.
            wanted: the grid of each.
            options: as given or by default.

        Returns:
            ``(rows, ceil(n / block), 2)``, finite, ``low <= 0 <= high``. What is derived from moments may reach beyond
            the few values of a channel or block: clip it to ``spans.row_spans``, which is min-max.
        """
        ...


class WithoutOptions(Calibrator[CalibratorOptions]):
    """Base of calibrators that leave nothing to choose."""

    options = CalibratorOptions
