"""Page Distributions: a tensor under its grid, and the controls that move it."""
