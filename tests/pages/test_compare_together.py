"""Several kept comparisons, one under the other."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from qexplorer.jobs.history import History
from tests.report.comparisons import comparison


def _page() -> None:
    from qexplorer.jobs.history import History
    from qexplorer.ui.compare.history import _together

    _together(list(History().list()))


def test_each_table_names_the_machine_that_took_its_times() -> None:
    """Times of two machines stand in tables of their own, under the machine's name where it is one of a cluster."""
    for number, name in enumerate(({"name": "lab-1"}, {})):
        History().add(comparison(comparison_id=f"c{number}", machine={"cpu": f"CPU {number}", **name}))
    app = AppTest.from_function(_page, default_timeout=60).run()
    assert not app.exception
    told = {each.value.rpartition(", ")[2] for each in app.markdown if ", CPU" in each.value}
    assert told == {"CPU 0 of lab-1", "CPU 1"}
    assert len(app.dataframe) == 2
