"""Words for recipes: what one is called, and what is wrong with its text."""
