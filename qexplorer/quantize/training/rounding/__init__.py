"""Where a graph in training rounds, and what stands there: grids and levels that learn."""
