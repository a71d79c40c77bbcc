"""What the files of a comparison are called."""

from __future__ import annotations

from qexplorer.ui.compare.results import _name_in_files
from tests.report.comparisons import comparison, float_run, quantized_run


def test_two_recipes_of_one_name_give_two_names_of_files() -> None:
    """As an earlier version compared them; one recipe on two backends is one, and a name that one has alone stays."""
    one, other = quantized_run("mine", digest="abcd" * 4), quantized_run("mine", digest="0123" * 4)
    both = comparison(float_run(), one, other, quantized_run())
    assert [_name_in_files(both, run) for run in both.runs[1:]] == ["mine-abcd", "mine-0123", "w8a8"]
    alone = comparison(float_run(), one, quantized_run("mine", "torch", digest="abcd" * 4))
    assert _name_in_files(alone, one) == "mine"
