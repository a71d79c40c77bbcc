"""Moving outliers between layers: who reads a tensor, where a change of its channels goes, and what it gains."""
