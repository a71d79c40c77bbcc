"""Runs side by side as pictures: what they cost, how right they are, how they were timed."""
