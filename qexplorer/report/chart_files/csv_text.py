"""Tables as CSV that a spreadsheet can open without taking a name for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qexplorer.core.foreign.media import in_csv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_csv", "rows_csv"]


def frame_csv(frame: pd.DataFrame) -> str:
    """A frame with a line for each row; what is missing is empty."""
    safe = frame.copy(deep=False)
    for column in safe.columns:
        if safe[column].dtype.kind == "O":
            safe[column] = safe[column].map(in_csv)
    return str(safe.to_csv(index=False, lineterminator="\n", header=[in_csv(str(name)) for name in safe.columns]))


def rows_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Rows of texts, numbers (of six digits) and None under a header."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(in_csv, header))
    for row in rows:
        writer.writerow(f"{cell:.6g}" if isinstance(cell, float) else in_csv(cell) for cell in row)
    return stream.getvalue()
