"""The integers inside: pair sums that saturate, int32 accumulators, and how near they come to their ends."""
