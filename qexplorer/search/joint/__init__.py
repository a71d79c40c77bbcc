"""Formats of layers, granularity, calibrators and algorithms chosen together, on two objectives, with Optuna."""
