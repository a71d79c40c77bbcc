"""One layer small enough to be looked at weight by weight, from which pages show how algorithms work."""
