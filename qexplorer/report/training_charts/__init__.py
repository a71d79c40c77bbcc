"""A training as pictures: its curves, its scales and gradients, and weights on their grid."""
