"""A comparison as a table: in a notebook, as a tidy pandas frame, as a chart, as the JSON that the terminal prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qexplorer.core.python_surface.show import ShownReport
from qexplorer.core.results import Run
from qexplorer.report.metric_columns import columns_of, further_columns
from qexplorer.report.run_columns import COLUMNS as RUN_COLUMNS
from qexplorer.report.statements.cautions import cautions_of
from qexplorer.run.registry import backend_label

if TYPE_CHECKING:
    import altair
    import pandas as pd

    from qexplorer.measure.comparison import Comparison

__all__ = [
    "COLUMNS",
    "ComparisonTable",
    "data_facts",
    "frame_of",
    "plain",
    "printed",
    "row_of",
    "run_cells",
    "run_notes",
]

_VALUES = tuple(value for column in RUN_COLUMNS for value in column.values)
COLUMNS: tuple[str, ...] = tuple(value.name for value in _VALUES)
"""Names of the columns of the frame and the CSV."""


class ComparisonTable(ShownReport):
    """What :func:`qexplorer.compare` returns.

    Args:
        comparison: the finished comparison.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @property
    def runs(self) -> tuple[Run, ...]:
        """One run per backend and recipe, the float model first for each backend."""
        return self.comparison.runs

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the numbers were measured with, one phrase each: machine, samples, calls, batch and threads."""
        return _conditions(self.comparison)

    @property
    def notes(self) -> tuple[str, ...]:
        """How runs ran, one sentence each: settings beside the backend's defaults, with the runs that had them."""
        return run_notes(self.runs)

    def to_frame(self) -> pd.DataFrame:
        """One row per run, one column per quantity (:data:`COLUMNS`, then further metrics), units in the names; what is
        missing stays so."""
        return frame_of(self.runs)

    def chart(self, against: str = "weight_bytes") -> altair.LayerChart:
        """The task's primary metric against size, latency or energy.

        Args:
            against: ``weight_bytes``, ``file_bytes``, ``latency_ms`` or ``energy_mj``.
        """
        from qexplorer.report.comparison_charts.tradeoff import accuracy_against

        return accuracy_against(self.comparison, against)

    def to_json(self) -> dict[str, Any]:
        """Plain data, exactly what ``qexplorer compare --json`` prints: ``model``, ``machine``, ``runs`` and more."""
        return printed(self.comparison)


def frame_of(runs: tuple[Run, ...]) -> pd.DataFrame:
    """A tidy frame of ``runs``, one row each: columns :data:`COLUMNS`, then those of each further metric."""
    import pandas as pd

    further = [value for column in further_columns(runs) for value in column.values]
    names = [*COLUMNS, *(value.name for value in further)]
    rows = [row_of(run) | {value.name: value.read(run) for value in further} for run in runs]
    frame = pd.DataFrame(rows, columns=names)
    whole = dict.fromkeys((value.name for value in _VALUES if value.whole), "Int64")
    return frame.astype(whole)  # pandas would make floats of whole numbers beside missing ones


def row_of(run: Run) -> dict[str, Any]:
    """One run as a flat row with the keys :data:`COLUMNS`; what could not be had is None."""
    return {value.name: value.read(run) for value in _VALUES}


def run_cells(run: Run, runs: Sequence[Run] = ()) -> dict[str, str]:
    """The cells of one row of a comparison, as text; for a run without numbers its reason stands in the last.

    Args:
        run: the row.
        runs: all rows, which tell the metrics that have a column; ``run`` alone if there are no others.
    """
    return {c.brief_title or c.title: c.brief(run) for c in columns_of(runs or (run,)) if c.brief is not None}


def run_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    """What the runs' own notes say, a sentence for each note: runs of one backend that share it are named together."""
    found: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for note in run.notes:
            found.setdefault((run.backend, note), []).append(run.recipe)
    return tuple(
        f"{', '.join(recipes)} on {backend_label(backend)}: {note}." for (backend, note), recipes in found.items()
    )


def printed(comparison: Comparison) -> dict[str, Any]:
    """What is printed of a comparison: all but what only the app's record needs (files, single predictions)."""
    value = comparison.to_json()
    kept = ("id", "created", "effort", "model", "data", "machine", "recipes", "runs")
    shown = {key: plain(value[key]) for key in kept}
    shown["model"] = {key: item for key, item in shown["model"].items() if key != "path"}
    shown["cautions"] = list(cautions_of(comparison.runs))
    return shown


def data_facts(comparison: Comparison) -> tuple[str, ...]:
    """On how many samples ranges were observed, and what was found of samples in both parts; of records that tell."""
    data = comparison.data
    used = f"ranges from {data['calibration']}" if data.get("calibration") else None
    return tuple(str(fact) for fact in (used, data.get("parts")) if fact)


def _conditions(comparison: Comparison) -> tuple[str, ...]:
    runs = comparison.runs
    facts = [comparison.machine_text] if comparison.machine.get("cpu") else []
    judged = [run.accuracy for run in runs if run.accuracy and run.accuracy.value is not None]
    timed = [run.latency_ms for run in runs if run.latency_ms and run.latency_ms.p50 is not None]
    if judged:
        facts.append(f"{judged[0].label} on {max(found.n for found in judged)} samples, 95 % intervals")
    facts += cautions_of(runs)
    facts += data_facts(comparison)
    if timed:
        first, calls = timed[0], min(found.n for found in timed)
        threads = f"{first.threads} thread{'' if first.threads == 1 else 's'}"
        facts.append(f"latency: median of {calls} calls or more, batch {first.batch}, {threads}")
        facts += sorted({found.load for found in timed if found.load})
        facts.append(f"effort {comparison.effort}")
    return tuple(facts)


def plain(value: Any) -> Any:
    """``value`` with nothing that JSON lacks: NaN and infinities become None, tuples lists, keys strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        return plain(value.item())
    return value
