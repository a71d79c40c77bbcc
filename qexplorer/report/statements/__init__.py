"""What is said of results: numbers as text, what may be claimed of them, and what must be said beside them."""
