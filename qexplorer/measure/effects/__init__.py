"""What each algorithm of a recipe changed: the weight of each layer on its grid, errors before and after, and time."""
