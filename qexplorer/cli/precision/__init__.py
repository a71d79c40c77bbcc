"""Verbs that find what precision each layer needs."""
