"""Charts and words of a joint search."""
