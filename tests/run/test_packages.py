"""Which versions compute here."""

from __future__ import annotations

from importlib.metadata import version

import qexplorer
from qexplorer.run.packages import versions_of


def test_missing_packages_have_no_version_and_this_program_knows_its_own() -> None:
    """What is installed has the version that its metadata say; what is not is left out."""
    found = versions_of(["numpy", "qexplorer", "no-such-package", "numpy"])
    assert found == {"numpy": version("numpy"), "qexplorer": qexplorer.__version__}
