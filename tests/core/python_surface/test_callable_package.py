"""The public surface stays callable whatever was imported before."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import ModuleType

import qexplorer as qx


def test_verbs_named_like_packages_are_both() -> None:
    """After a package is imported its name still calls the verb, and still leads to its modules."""
    import qexplorer.load.samples.shelf
    import qexplorer.measure.effort
    import qexplorer.quantize.plan_types  # noqa: F401

    for verb in (qx.load, qx.quantize, qx.measure):
        assert isinstance(verb, ModuleType)
        assert callable(verb)
    assert qx.quantize.plan_types.Plan.__name__ == "Plan"
    assert [recipe.name for recipe in [qx.Recipe.parse("w8")]] == ["w8"]


def test_a_callable_package_has_the_signature_of_its_verb() -> None:
    """Help and completion show the arguments of the function."""
    import qexplorer.load  # noqa: F401
    from qexplorer import api

    assert inspect.signature(qx.load) == inspect.signature(api.load)


def test_importing_the_package_loads_nothing() -> None:
    """``import qexplorer`` costs nothing until a name is used, and turns telemetry off."""
    code = "import os, sys, qexplorer\nprint(sorted(m for m in sys.modules if m.startswith('qexplorer')))\n"
    code += "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['qexplorer']", "1"]
