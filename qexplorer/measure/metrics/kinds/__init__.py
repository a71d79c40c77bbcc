"""Kinds of metrics: what a kind knows of intervals and of comparing two variants on the same samples."""
