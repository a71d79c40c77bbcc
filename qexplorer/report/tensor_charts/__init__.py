"""One tensor as a picture: its histogram under a grid, its channels, its error, the sums made of it."""
