"""Python runs this at the start of every child of a test that puts this folder on ``PYTHONPATH``: trial backends."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.measure.trial_backends import register

register()
