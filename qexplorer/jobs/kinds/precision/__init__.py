"""Jobs that find what precision each layer needs: the best mix, everything together, and what mends a bad layer."""

from qexplorer.jobs.kinds.precision.joint import JOINT
from qexplorer.jobs.kinds.precision.mix import MIX
from qexplorer.jobs.kinds.precision.repair import REPAIR

__all__ = ["ENTRIES"]

ENTRIES = (JOINT, MIX, REPAIR)
