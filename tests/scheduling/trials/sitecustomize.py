"""Makes ``qexplorer.task_trials`` importable in children of the tests: only work inside the package may be done."""

from pathlib import Path

import qexplorer

qexplorer.__path__.append(str(Path(__file__).parent))
