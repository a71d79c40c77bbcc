"""The functions behind ``import qexplorer as qx``: load, data, quantize, train, measure, compare, generate,
sensitivity.

Each takes what a person has at hand (a name, a path, a value) and hands finished values to the package that does the
work. Data is always fitted to the model first: inputs renamed, types cast, shapes checked.
"""

import qexplorer.report.notebook  # noqa: F401 - registers how values show themselves
from qexplorer.api.calibrating import calibration_needed
from qexplorer.api.designing import design
from qexplorer.api.generating import generate
from qexplorer.api.given import data, load
from qexplorer.api.measuring import compare, measure
from qexplorer.api.mixing import search
from qexplorer.api.number_formats import formats
from qexplorer.api.quantizing import CALIBRATION_SAMPLES, explain_algorithms, quantize
from qexplorer.api.repairing import repair
from qexplorer.api.searching import sensitivity
from qexplorer.api.training import foretell_training, train, trained_epochs
from qexplorer.api.tuning import tune
from qexplorer.scheduling.chosen import on_cluster

__all__ = [
    "CALIBRATION_SAMPLES",
    "calibration_needed",
    "compare",
    "data",
    "design",
    "explain_algorithms",
    "foretell_training",
    "formats",
    "generate",
    "load",
    "measure",
    "on_cluster",
    "quantize",
    "repair",
    "search",
    "sensitivity",
    "train",
    "trained_epochs",
    "tune",
]
