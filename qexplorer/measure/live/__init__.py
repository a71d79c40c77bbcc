"""A stream of samples through two variants in turns, and the windows that page Live draws."""
