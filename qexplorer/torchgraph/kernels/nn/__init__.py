"""Layers of neural networks: convolutions, pooling, normalization, activations, recurrence."""
