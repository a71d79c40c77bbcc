"""Meters of energy, one in a file, and the estimate that stands in where there is none."""
