"""The command line: ``qexplorer app | doctor | samples | inspect | quantize | compare``."""

from qexplorer.cli.main import main

__all__ = ["main"]
