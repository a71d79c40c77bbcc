"""Training with rounding in the way: the graph with its rounding points open, what stands there, and the loop."""
