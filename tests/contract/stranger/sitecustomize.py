"""Puts a stranger's metric and task beside the program's own, in children of the tests."""

from pathlib import Path

import qexplorer.core.tasks
import qexplorer.measure.metrics

HERE = Path(__file__).parent
qexplorer.measure.metrics.__path__.append(str(HERE / "metrics"))
qexplorer.core.tasks.__path__.append(str(HERE / "tasks"))
