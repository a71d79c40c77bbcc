"""Charts and words of found networks."""
