"""Page Train, top to bottom: what is trained, its options, start, what it does while it learns, and what it won."""
