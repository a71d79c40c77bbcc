"""How algorithms round one layer, as pictures of its own weights: each of typed values, then the chart."""
