"""Accuracy, fidelity, latency, memory, size and energy, each with its uncertainty."""
