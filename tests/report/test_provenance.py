"""What a saved chart says of where it is from."""

from __future__ import annotations

import datetime

import qexplorer
from qexplorer.machine.cpu import cpu_model
from qexplorer.report.provenance import made_by


def test_a_chart_says_by_what_where_and_when() -> None:
    """The version, the processor, and a day: the given one, else today's in UTC."""
    told = made_by(datetime.date(2026, 5, 4))
    assert told.startswith(f"qexplorer {qexplorer.__version__} on {cpu_model()}, ")
    assert told.endswith(", 2026-05-04")
    before = datetime.datetime.now(datetime.UTC).date()
    today = made_by().rsplit(", ", 1)[1]
    assert before <= datetime.date.fromisoformat(today) <= datetime.datetime.now(datetime.UTC).date()
