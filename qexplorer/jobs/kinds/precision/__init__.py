"""Jobs that find what precision each layer needs, what mends a bad layer, and networks made for few bits."""

from qexplorer.jobs.kinds.precision.architecture import ARCHITECTURE
from qexplorer.jobs.kinds.precision.joint import JOINT
from qexplorer.jobs.kinds.precision.mix import MIX
from qexplorer.jobs.kinds.precision.repair import REPAIR

__all__ = ["ENTRIES"]

ENTRIES = (ARCHITECTURE, JOINT, MIX, REPAIR)
