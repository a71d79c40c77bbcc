"""Well-known networks without training, built on demand as ONNX graphs: only their size and latency mean anything.

Batch normalization is folded already, so every convolution has a bias. Weights are random, seeded, and scaled so that
activations stay of order 1 through all residual additions.
"""
