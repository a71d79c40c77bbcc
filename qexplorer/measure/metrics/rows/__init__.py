"""From outputs to rows, one a sample: what several metrics score by."""
