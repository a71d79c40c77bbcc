"""Streaming statistics of weights and activations; calibrators; the error of a grid."""
