"""Page Better rounding: what the recipe's algorithms changed, and how each of them works, on a layer of this model."""
