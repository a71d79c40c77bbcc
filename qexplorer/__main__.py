"""``python -m qexplorer`` is ``qexplorer``."""

import sys

from qexplorer.cli import main

if __name__ == "__main__":
    sys.exit(main())
