"""How long a comparison may take, on the command line and in Python."""

from __future__ import annotations

from typing import Any

import pytest

import qexplorer as qx
from qexplorer.cli.parser import build_parser
from qexplorer.core.errors import UnknownName


@pytest.mark.parametrize("wrong", [["--effort", "sometimes"], ["--effort", "report", "--quick"]])
def test_a_wrong_effort_is_one_line(wrong: list[str], qexplorer: Any) -> None:
    """An effort that there is not, or two of them, is refused on one line with exit code 2."""
    found = qexplorer("compare", "tumour_mlp", "--recipe", "w8", *wrong)
    assert found.code == 2
    assert len(found.err.strip().splitlines()) == 1


def test_efforts_are_read() -> None:
    """The three efforts are read, none is the default, and --quick stays."""
    parser = build_parser()
    base = ["compare", "m", "--recipe", "w8"]
    for effort in ("quick", "standard", "report"):
        assert parser.parse_args([*base, "--effort", effort]).effort == effort
    assert parser.parse_args(base).effort is None
    assert parser.parse_args([*base, "--quick"]).quick


def test_python_refuses_an_unknown_effort_before_it_loads_anything() -> None:
    """An effort that there is not is named at once, with what is allowed."""
    with pytest.raises(UnknownName, match="quick, report, standard"):
        qx.compare("no_such_model", "w8", effort="sometimes")
