"""``python -m qexplorer`` is the command ``qexplorer``."""

import sys

from qexplorer.cli import main

sys.exit(main())
