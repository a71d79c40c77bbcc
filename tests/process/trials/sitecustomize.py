"""Makes ``qexplorer.job_trials`` importable in children of the tests: only work inside the package may be ordered."""

from pathlib import Path

import qexplorer

qexplorer.__path__.append(str(Path(__file__).parent))
