"""Backends: each runs a QDQ graph, in one file, behind one Protocol. No backend sees a recipe or another backend."""
