"""How everything that a job starts is known as its own."""

from __future__ import annotations

__all__ = ["MARK"]

MARK = "QEXPLORER_JOB"
"""Environment variable that every descendant of a job inherits, with the job's id."""
