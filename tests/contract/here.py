"""The backends that the contract tests run on."""

from __future__ import annotations

from qexplorer.run.registry import BACKENDS

__all__ = ["ELSEWHERE", "HERE"]

ELSEWHERE = {
    # compiles for 10 to 20 s for each file and shape; tests/run/test_torch_inductor.py asks the same of a few
    "torch-inductor",
}
HERE = [each for each in BACKENDS if each.name not in ELSEWHERE and each.availability().available]
