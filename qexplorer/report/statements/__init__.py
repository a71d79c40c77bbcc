"""What is said of results: what may be claimed of them, and what must be said beside them."""
