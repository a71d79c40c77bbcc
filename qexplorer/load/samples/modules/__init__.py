"""The architectures of this program as torch modules; their parameters bear the names that published weights have."""
