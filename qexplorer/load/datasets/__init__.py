"""From a name or a file to a data set: read in a child, prepared, split, and fitted to a model."""
