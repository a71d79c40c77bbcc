"""Questions about a graph: who makes a tensor, who reads it, what is constant, and what is inside what."""
