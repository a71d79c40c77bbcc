"""One layer by itself: its weight as a matrix, what it is fed, and what its rounded weight costs at its output."""
