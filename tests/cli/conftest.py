"""Runs the command line in this process, as ``qexplorer`` would, and hands back what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qexplorer.cli import main

ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """This process's environment, in which a child finds the package from any folder, installed or not."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON; fails on NaN and Infinity, which JSON lacks."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def qexplorer(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """``qexplorer("inspect", "digits_cnn")``."""

    def run(*arguments: str | Path) -> Outcome:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run
