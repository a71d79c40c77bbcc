"""Gives children of the tests the trial kinds: a folder of entries beside those of the package."""

from pathlib import Path

import qexplorer.jobs.kinds

qexplorer.jobs.kinds.__path__.append(str(Path(__file__).parent / "kinds"))
